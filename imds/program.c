// SPDX-License-Identifier: Apache-2.0
//
// An assembler for what is needed here: jumps name a place, and are resolved when all is written. r6 is the context, as the
// kernel demands it of whoever calls functions; r0 to r5 do not survive a call.
#include "program.h"

#include "util.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>

// The places a jump can go to.
enum place {
        NEXT, // no jump
        OURS, // the address is one of the two
        REFUSE,
        PASS,
        PLACE_MAX_,
};

struct program {
        struct bpf_insn *p;
        size_t n;
        size_t place[PLACE_MAX_];
        enum place to[PROGRAM_MAX];
};

static void put(struct program *g, uint8_t code, uint8_t dst, uint8_t src, int off, int32_t imm)
{
        assert(g->n < PROGRAM_MAX);
        g->p[g->n] = (struct bpf_insn){.code = code, .off = (int16_t)off, .imm = imm};
        g->p[g->n].dst_reg = dst & 0xfu;
        g->p[g->n].src_reg = src & 0xfu;
        g->n++;
}

static void load(struct program *g, uint8_t size, uint8_t dst, uint8_t src, int off)
{
        put(g, BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}

static void store(struct program *g, uint8_t size, uint8_t dst, int off, uint8_t src)
{
        put(g, BPF_STX | BPF_MEM | size, dst, src, off, 0);
}

static void set(struct program *g, uint8_t dst, int32_t imm)
{
        put(g, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void copy(struct program *g, uint8_t dst, uint8_t src)
{
        put(g, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

// A number of 64 bits takes two instructions. src: what it is, BPF_PSEUDO_MAP_FD or 0.
static void set64(struct program *g, uint8_t dst, uint8_t src, uint64_t v)
{
        put(g, BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, (int32_t)(uint32_t)v);
        put(g, 0, 0, 0, 0, (int32_t)(v >> 32));
}

// The lower 32 bits of a register against a number: addresses are no signed numbers.
static void jump32(struct program *g, uint8_t op, uint8_t dst, uint32_t imm, enum place to)
{
        g->to[g->n] = to;
        put(g, BPF_JMP32 | op | BPF_K, dst, 0, 0, (int32_t)imm);
}

static void jump64(struct program *g, uint8_t op, uint8_t dst, uint8_t src, enum place to)
{
        g->to[g->n] = to;
        put(g, BPF_JMP | op | BPF_X, dst, src, 0, 0);
}

static void call(struct program *g, enum bpf_func_id f)
{
        put(g, BPF_JMP | BPF_CALL, 0, 0, 0, (int32_t)f);
}

static void end(struct program *g, int32_t result)
{
        set(g, BPF_REG_0, result);
        put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void here(struct program *g, enum place p)
{
        g->place[p] = g->n;
}

static void resolve(struct program *g)
{
        for (size_t i = 0; i < g->n; i++)
                if (g->to[i] != NEXT)
                        g->p[i].off = (int16_t)(g->place[g->to[i]] - i - 1);
}

// ---- what it does

#define FIELD(name) ((int)offsetof(struct bpf_sock_addr, name))

static void look_at_destination(struct program *g, bool six)
{
        static const uint32_t addresses[] = {UINT32_C(0xa9fea9fe), UINT32_C(0xa9feaa02)};
        static const uint32_t mapped[] = {0, 0, 0xffff};

        for (size_t i = 0; six && i < ARRAY_SIZE(mapped); i++) {
                load(g, BPF_W, BPF_REG_2, BPF_REG_6, FIELD(user_ip6) + 4 * (int)i);
                jump32(g, BPF_JNE, BPF_REG_2, htonl(mapped[i]), PASS);
        }
        load(g, BPF_W, BPF_REG_2, BPF_REG_6, six ? FIELD(user_ip6) + 12 : FIELD(user_ip4));
        jump32(g, BPF_JEQ, BPF_REG_2, htonl(addresses[0]), OURS);
        jump32(g, BPF_JNE, BPF_REG_2, htonl(addresses[1]), PASS);
        here(g, OURS);
        load(g, BPF_W, BPF_REG_2, BPF_REG_6, FIELD(user_port));
        jump32(g, BPF_JNE, BPF_REG_2, htons(80), PASS);
        load(g, BPF_W, BPF_REG_2, BPF_REG_6, FIELD(protocol));
        jump32(g, BPF_JNE, BPF_REG_2, IPPROTO_TCP, PASS);
}

static void look_at_network(struct program *g, uint64_t cookie)
{
        copy(g, BPF_REG_1, BPF_REG_6);
        call(g, BPF_FUNC_get_netns_cookie);
        set64(g, BPF_REG_1, 0, cookie);
        jump64(g, BPF_JNE, BPF_REG_0, BPF_REG_1, PASS);
}

// Programs that carry other machines' connections in their own name. Those machines are others' trust, and would ask for
// credentials by this very address as soon as they boot. Eight bytes that are all there is, or that sixteen begin with.
static void look_at_program(struct program *g)
{
        static const char names[][16] = {"slirp4netns", "pasta", "pasta.avx2", "passt", "passt.avx2",
                "rootlesskit", "vpnkit", "gvproxy", "qemu-sys*", "VBoxHead*", "VirtualB*"};

        // Linux 6.1 writes no further than the name's end.
        set(g, BPF_REG_1, 0);
        store(g, BPF_DW, BPF_REG_10, -16, BPF_REG_1);
        store(g, BPF_DW, BPF_REG_10, -8, BPF_REG_1);
        copy(g, BPF_REG_1, BPF_REG_10);
        put(g, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -16);
        set(g, BPF_REG_2, 16);
        call(g, BPF_FUNC_get_current_comm);
        load(g, BPF_DW, BPF_REG_2, BPF_REG_10, -16);
        load(g, BPF_DW, BPF_REG_3, BPF_REG_10, -8);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                uint64_t word[2];

                memcpy(word, names[i], sizeof word);
                set64(g, BPF_REG_1, 0, word[0]);
                if (names[i][8] == '*') {
                        jump64(g, BPF_JEQ, BPF_REG_2, BPF_REG_1, REFUSE);
                        continue;
                }
                put(g, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_2, BPF_REG_1, 3, 0); // to the next name
                set64(g, BPF_REG_1, 0, word[1]);
                jump64(g, BPF_JEQ, BPF_REG_3, BPF_REG_1, REFUSE);
        }
}

static void look_at_user(struct program *g, const struct program_options *o)
{
        call(g, BPF_FUNC_get_current_uid_gid); // the uid is the lower half
        if (o->pass_below)
                jump32(g, BPF_JLT, BPF_REG_0, o->pass_below, PASS);
        store(g, BPF_W, BPF_REG_10, -16, BPF_REG_0);
        set64(g, BPF_REG_1, BPF_PSEUDO_MAP_FD, o->map_fd);
        copy(g, BPF_REG_2, BPF_REG_10);
        put(g, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -16);
        call(g, BPF_FUNC_map_lookup_elem);
        g->to[g->n] = REFUSE;
        put(g, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
        load(g, BPF_W, BPF_REG_1, BPF_REG_0, 0);
}

static void redirect(struct program *g, bool six)
{
        store(g, BPF_W, BPF_REG_6, FIELD(user_port), BPF_REG_1);
        put(g, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, (int32_t)htonl(INADDR_LOOPBACK));
        store(g, BPF_W, BPF_REG_6, six ? FIELD(user_ip6) + 12 : FIELD(user_ip4), BPF_REG_1);
}

size_t program_write(struct bpf_insn *out, const struct program_options *o)
{
        struct program g = {.p = out};

        copy(&g, BPF_REG_6, BPF_REG_1);
        look_at_destination(&g, o->six);
        look_at_network(&g, o->netns_cookie);
        look_at_program(&g);
        look_at_user(&g, o);
        redirect(&g, o->six);
        here(&g, PASS);
        end(&g, 1);
        here(&g, REFUSE);
        set(&g, BPF_REG_1, -ECONNREFUSED);
        call(&g, BPF_FUNC_set_retval);
        end(&g, 0);
        resolve(&g);
        return g.n;
}
