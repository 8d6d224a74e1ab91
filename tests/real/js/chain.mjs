// SPDX-License-Identifier: Apache-2.0
//
// The real chain. For each line of JSON on stdin (the variables of one case) it answers with the word of the source that the
// SDK's default chain took its credentials from. Nothing leaves the machine: roles are "assumed" by the functions below, which is
// how the SDK itself is told to, and a container's endpoint is a server of the test's.
import {createInterface} from "node:readline";
import {defaultProvider} from "@aws-sdk/credential-provider-node";

const WORDS = {AKIDENV: "env-keys", AKIDKEYS: "keys", AKIDPROCESS: "process", AKIDCONTAINER: "container", AKIDROLE: "assume-role", AKIDWEB: "web-identity"};
const keys = (id) => async () => ({accessKeyId: id, secretAccessKey: "s"});

async function source() {
        try {
                const c = await defaultProvider({ignoreCache: true, maxRetries: 0, timeout: 2000, roleAssumer: keys("AKIDROLE"),
                        roleAssumerWithWebIdentity: keys("AKIDWEB")})();
                return WORDS[c.accessKeyId] ?? `unknown ${c.accessKeyId}`;
        } catch (e) {
                if (/Could not load credentials from any providers/.test(e.message)) return "nothing";
                if (/sso/i.test(e.message)) return "sso";
                if (/login/i.test(e.message)) return "login";
                // an assumed role whose source profile has nothing
                if (/profile|credential source/i.test(e.message)) return `assume-role`;
                return `error ${e.name}: ${e.message}`;
        }
}

for await (const line of createInterface({input: process.stdin})) {
        const variables = JSON.parse(line);
        Object.assign(process.env, variables);
        console.log(await source());
        for (const name of Object.keys(variables)) delete process.env[name];
}
