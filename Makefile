# SPDX-License-Identifier: Apache-2.0
#
# valetkey's one Makefile: non-recursive, everything built lands in build/.
#
#   make            the programs and modules          make check     dependencies, build, all tests
#   make demo       dependencies, build, the demo     make lint      format, analysers, headers alone
#   make fuzz       every fuzz target for FUZZ_SECONDS  make replay  the corpora once, under gcc
#   make check-browser  signing in in Chromium
#   make bench      the benchmarks                    make install   DESTDIR= PREFIX= honoured
#   make pot        the sentences of valetkey(1), for translators
#   make deb        the Debian packages, in build/deb/
#   make vm         the release check: those packages under Debian's own kernel, AppArmor enforcing, in qemu
#
# Knobs: CC=clang  SAN=address,undefined  DEBUG=1  V=1  CFLAGS= LDFLAGS= (kept: dpkg-buildflags works)

VERSION := 0.1.0

PREFIX        ?= /usr
SYSCONFDIR    ?= /etc
LOCALSTATEDIR ?= /var
RUNDIR        ?= /run
BINDIR        ?= $(PREFIX)/bin
LIBEXECDIR    ?= $(PREFIX)/libexec/valetkey
MULTIARCH     ?= $(shell $(CC) -print-multiarch 2>/dev/null)
PAMDIR        ?= $(PREFIX)/lib/$(MULTIARCH)/security
NSSDIR        ?= $(PREFIX)/lib/$(MULTIARCH)
DATADIR       ?= $(PREFIX)/share
MANDIR        ?= $(DATADIR)/man
LOCALEDIR     ?= $(DATADIR)/locale
UNITDIR       ?= $(PREFIX)/lib/systemd/system
USERUNITDIR   ?= $(PREFIX)/lib/systemd/user
USERENVDIR    ?= $(PREFIX)/lib/systemd/user-environment-generators

comma := ,
B := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))$(if $(DEBUG),/debug)
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s%s\n' '$(1)' '$(2)')

PKGS := libcurl openssl jansson cjose expat libevent_core libevent_extra dbus-1 libqrencode
# Nothing is asked of pkg-config until something is built: "make demo" on a bare machine installs it first.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $$(PKGS)))$(PKG_CFLAGS)

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection
HARDEN_LD := -Wl,-z,relro -Wl,-z,now
ifeq ($(SAN),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HARDEN_LD += -Wl,-z,defs
else
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
INC := -Ilib -Iwire -Itable -Inet -Idbus
# Tests, fuzz targets and benchmarks look into every part; the parts do not look into each other.
TEST_INC := -Isignin -Ibroker -Icli -Isandbox -Ipam -Iimds -Inss
$(B)/tests/%.o $(B)/bench/%.o: private INC += $(TEST_INC)
DEFS := -D_GNU_SOURCE -DVALETKEY_VERSION='"$(VERSION)"' -DPATH_SYSCONF='"$(SYSCONFDIR)/valetkey"' \
        -DPATH_STATE='"$(LOCALSTATEDIR)/lib/valetkey"' -DPATH_RUN='"$(RUNDIR)/valetkey"' \
        -DPATH_VENDOR='"$(PREFIX)/lib/valetkey"' -DPATH_BIN='"$(BINDIR)"' -DPATH_LIBEXEC='"$(LIBEXECDIR)"' -DPATH_PAM='"$(PAMDIR)"' \
        -DPATH_DATA='"$(DATADIR)/valetkey"' -DPATH_LOCALE='"$(LOCALEDIR)"'
OPT := $(if $(DEBUG),-O0 -g3,-O2 -g)
ALL_CFLAGS = -std=gnu11 -fPIC -fvisibility=hidden $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) $(DEFS) $(INC) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(OPT) $(SANFLAGS) $(HARDEN_LD) -Wl,--as-needed $(LDFLAGS)

L_CRYPTO := -lcrypto
L_LIB := -lcjose -ljansson -lexpat $(L_CRYPTO)
L_NET := -lcurl -levent_extra -levent_core -ldbus-1 $(L_LIB)
L_ALL := -lqrencode -lpam $(L_NET)

# ---- sources: a file in a folder belongs to that folder's part; main.c is never in an archive -----------------

srcs = $(filter-out %/main.c %/shim.c %/generator.c,$(sort $(wildcard $(1)/*.c)))
objs = $(patsubst %.c,$(B)/%.o,$(1))

ARCHIVE_SRC := $(foreach d,lib wire table net,$(call srcs,$(d)))
PAM_SRC     := $(call srcs,pam)
NSS_SRC     := $(call srcs,nss)
# In other people's processes only the reader of the table is loaded, never its writer.
READER_SRC  := $(filter-out table/write%,$(call srcs,table))
MODULE_SRC  := $(call srcs,wire) $(READER_SRC)
PART_DIRS   := signin broker dbus cli sandbox imds nss

ARCHIVE := $(B)/libvaletkey.a
PARTS   := $(foreach d,$(PART_DIRS),$(if $(call srcs,$(d)),$(B)/lib$(d).a))
LIBS_ALL := -Wl,--start-group $(PARTS) $(ARCHIVE) -Wl,--end-group

PROGRAMS := $(if $(wildcard signin/main.c),$(B)/valetkeyd) $(if $(wildcard broker/main.c),$(B)/valetkey-broker) \
            $(if $(wildcard cli/main.c),$(B)/valetkey) $(if $(wildcard cli/shim.c),$(B)/valetkey-credential-process) \
            $(if $(wildcard cli/generator.c),$(B)/60-valetkey) $(if $(wildcard cli/docker_credential.c),$(B)/docker-credential-valetkey) \
            $(if $(wildcard sandbox/main.c),$(B)/valetkey-sandbox) $(if $(wildcard imds/main.c),$(B)/valetkey-imds)
MODULES  := $(if $(PAM_SRC),$(B)/pam_valetkey.so) $(if $(NSS_SRC),$(B)/libnss_valetkey.so.2)

UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
UNITS     := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
FUZZ_SRC  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
REPLAYS   := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/replay_%,$(FUZZ_SRC))
HELPER_SRC := $(sort $(wildcard tests/helpers/*.c))
HELPERS   := $(patsubst %.c,$(B)/%,$(HELPER_SRC))
BENCH_SRC := $(sort $(wildcard bench/*.c))
BENCHES   := $(patsubst %.c,$(B)/%,$(BENCH_SRC))
MAN_SRC   := $(sort $(wildcard docs/man/*.scd))
MANS      := $(patsubst docs/man/%.scd,$(B)/man/%,$(MAN_SRC))

.PHONY: all programs clean demo check check-run replay lint fuzz bench install tests FORCE
all: programs $(MANS)
programs: $(PROGRAMS) $(MODULES)
tests: programs $(UNITS) $(REPLAYS) $(HELPERS)

# ---- rules ----------------------------------------------------------------------------------------------------

# The flags stamp: its content changes when the flags do, and everything depends on it.
FLAGS_NOW = $(CC) $(ALL_CFLAGS) | $(ALL_LDFLAGS)
$(B)/.flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' >$@

$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

define ar_rule
	@mkdir -p $(@D)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcsD $@ $^
endef
$(ARCHIVE): $(call objs,$(ARCHIVE_SRC))
	$(ar_rule)
define part_rule
$(B)/lib$(1).a: $(call objs,$(call srcs,$(1)))
	$$(ar_rule)
endef
$(foreach d,$(PART_DIRS),$(eval $(call part_rule,$(d))))

define link_rule
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LINK_LIBS)
endef
$(B)/valetkeyd: LINK_LIBS = -lqrencode $(L_NET)
$(B)/valetkeyd: $(B)/signin/main.o $(B)/libsignin.a $(ARCHIVE)
	$(link_rule)
$(B)/valetkey-broker: LINK_LIBS = $(L_NET)
$(B)/valetkey-broker: $(B)/broker/main.o $(B)/libbroker.a $(ARCHIVE)
	$(link_rule)
$(B)/valetkey: LINK_LIBS = -lqrencode $(L_NET)
$(B)/valetkey: $(B)/cli/main.o $(B)/libcli.a $(if $(call srcs,dbus),$(B)/libdbus.a) $(ARCHIVE)
	$(link_rule)
$(B)/valetkey-sandbox: LINK_LIBS = -lpam $(L_NET)
$(B)/valetkey-sandbox: $(B)/sandbox/main.o $(B)/libsandbox.a $(ARCHIVE)
	$(link_rule)
$(B)/valetkey-imds: $(B)/imds/main.o $(B)/libimds.a $(ARCHIVE)
	$(link_rule)
# docker looks for a credential helper by its name.
$(B)/docker-credential-valetkey: $(B)/valetkey
	$(Q)ln -sf valetkey $@
# The shim: static, so that starting it is one execve and no dynamic linking. (A sanitiser cannot be static.)
$(B)/valetkey-credential-process: $(call objs,cli/shim.c $(call srcs,wire))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(if $(SAN),-pie,-static-pie) -o $@ $^
# What the user's service manager runs before anything else: static for the same reason.
$(B)/60-valetkey: $(call objs,cli/generator.c $(call srcs,wire))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(if $(SAN),-pie,-static-pie) -o $@ $^

define module_rule
	@mkdir -p $(@D)
	$(call say,SO,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -shared -Wl,-z,nodelete -Wl,--version-script=$(filter %.map,$^) \
		-Wl,-soname,$(@F) -o $@ $(filter %.o,$^) $(LINK_LIBS)
endef
$(B)/pam_valetkey.so: LINK_LIBS = -lpam
$(B)/pam_valetkey.so: $(call objs,$(PAM_SRC) $(MODULE_SRC)) pam/module.map
	$(module_rule)
$(B)/libnss_valetkey.so.2: $(call objs,$(NSS_SRC) wire/name.c wire/reserved.c $(READER_SRC)) nss/module.map
	$(module_rule)

# Unit tests go through tests/unit/fault.c: what allocates and frees is wrapped, so a test can make
# the n-th allocation fail and look at every block as it is freed.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup,--wrap=free,--wrap=locked_alloc,--wrap=locked_free
# What several tests share stands in tests/unit/support_*.c and is linked into each.
SUPPORT := $(call objs,$(sort $(wildcard tests/unit/support_*.c)))
$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o $(B)/tests/unit/fault.o $(SUPPORT) $(PARTS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie $(WRAP) -o $@ $(filter %.o,$^) $(LIBS_ALL) $(L_ALL) -lcmocka -lm
$(B)/tests/helpers/%: $(B)/tests/helpers/%.o $(PARTS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $(filter %.o,$^) $(LIBS_ALL) $(L_ALL)
$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(PARTS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $(filter %.o,$^) $(LIBS_ALL) $(L_ALL)
$(B)/tests/fuzz/run_%: $(B)/tests/fuzz/%.o $(PARTS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -pie -o $@ $(filter %.o,$^) $(LIBS_ALL) $(L_ALL)
$(B)/bench/%: $(B)/bench/%.o $(PARTS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $(filter %.o,$^) $(LIBS_ALL) $(L_ALL)
.PRECIOUS: $(B)/%.o

$(B)/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)scdoc <$< >$@.tmp && mv $@.tmp $@

# ---- what a person reads, in his language: po/LANG.po, begun as a copy of what "make pot" writes

POT_SRC := $(filter-out cli/shim.c cli/generator.c,$(sort $(wildcard cli/*.c lib/*.c net/*.c))) wire/outcome.c
CATALOGUES := $(patsubst po/%.po,$(B)/locale/%/LC_MESSAGES/valetkey.mo,$(sort $(wildcard po/*.po)))
all: $(CATALOGUES)
# Functions that look up a format or a sentence themselves stand here with the number of that argument.
.PHONY: pot
pot: $(B)/valetkey.pot
$(B)/valetkey.pot: $(POT_SRC)
	@mkdir -p $(@D)
	$(call say,POT,$@)
	$(Q)xgettext --from-code=UTF-8 --package-name=valetkey --package-version=$(VERSION) --add-comments=Translators -k_ -kN_ \
		-kerr_set:2 -kerr_prefix:2 -kcmd_usage:2 -kcmd_parse:9 -kadd_note:2 -kfindings_mend:2 -kcause_say:3 -kcause_mend:2 -kcause_add:2 \
		-kfindings_ok:3 -kfindings_unknown:3 -kfindings_wrong:3 $(foreach f,err_set:2 err_prefix:2 add_note:2 findings_mend:2 \
		findings_ok:3 findings_unknown:3 findings_wrong:3,--flag=$(f):c-format) -o $@ $(POT_SRC)
$(B)/locale/%/LC_MESSAGES/valetkey.mo: po/%.po
	@mkdir -p $(@D)
	$(call say,MO,$@)
	$(Q)msgfmt --check -o $@ $<

# ---- the two commands -----------------------------------------------------------------------------------------

# On all cores, unless make was told how many.
ALL_CORES = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

demo:
	@packaging/deps build demo
	@$(MAKE) --no-print-directory $(ALL_CORES) programs
	@tests/demo $(if $(APPROVE),--approve=$(APPROVE)) --build=$(B)

check:
	@packaging/deps build deb test
	@tests/rig/rootfs $(B)
	@tests/rig/packages $(B)
	@$(MAKE) --no-print-directory $(ALL_CORES) all tests
	@$(MAKE) --no-print-directory check-run

check-run: all tests
	@/usr/bin/python3 tests/run --build=$(B) $(TESTS)

# In a real browser, which is large: its own packages, and only when it is asked for.
.PHONY: check-browser
check-browser:
	@packaging/deps build test browser
	@$(MAKE) --no-print-directory all
	@VALETKEY_BROWSER=1 /usr/bin/python3 tests/run --build=$(B) --only=e2e test_real_browser

# ---- the rest -------------------------------------------------------------------------------------------------

replay: $(REPLAYS)
	@/usr/bin/python3 tests/run --build=$(B) --only=replay

lint:
	@packaging/deps build lint
	@tests/lint
# What the analysers compile with: ours, without the machine's optimisation and hardening.
.PHONY: lint-flags
lint-flags:
	@:$(info -std=gnu11 -fPIC $(WARN) $(DEFS) $(INC) $(patsubst -I/%,-isystem /%,$(PKG_CFLAGS)))$(info $(TEST_INC))

FUZZ_SECONDS ?= 60
fuzz:
	@packaging/deps build lint
	@$(MAKE) --no-print-directory CC=clang SAN=fuzzer-no-link,address,undefined fuzz-run
.PHONY: fuzz-run
fuzz-run: $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/run_%,$(FUZZ_SRC))
	@tests/fuzz/run --build=$(B) --seconds=$(FUZZ_SECONDS)

bench:
	@packaging/deps build test bench
	@$(MAKE) --no-print-directory programs $(BENCHES)
	@bench/run --build=$(B)

include packaging/install.mk

# Not a part of "make check": it emulates a machine, which takes some minutes.
.PHONY: vm
vm:
	@packaging/deps build deb test vm
	@tests/rig/vm $(B)

.PHONY: deb
deb:
	@packaging/deps build deb
	@packaging/deb $(B)

clean:
	rm -rf build

-include $(shell [ -d $(B) ] && find $(B) -type f -name '*.d' -not -path '*/build/*/san-*' 2>/dev/null)
