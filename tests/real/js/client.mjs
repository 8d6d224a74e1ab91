// SPDX-License-Identifier: Apache-2.0
//
// The AWS SDK for JavaScript as anybody's program would use it: one client, made once, by the default chain. Every error is fatal.
//
// client.mjs s3 ENDPOINT BUCKET SECONDS, client.mjs identity ENDPOINT: as sdk/boto.py
import {GetObjectCommand, PutObjectCommand, S3Client} from "@aws-sdk/client-s3";
import {GetCallerIdentityCommand, STSClient} from "@aws-sdk/client-sts";
import {setTimeout} from "node:timers/promises";

async function s3(endpoint, bucket, seconds) {
        const client = new S3Client({endpoint, forcePathStyle: true, maxAttempts: 1});
        const keys = new Set(), end = performance.now() + seconds * 1000;
        let rounds = 0;
        for (;;) {
                const where = {Bucket: bucket, Key: `js/${process.pid}`}, body = `round ${rounds}`;
                await client.send(new PutObjectCommand({...where, Body: body}));
                if (await (await client.send(new GetObjectCommand(where))).Body.transformToString() !== body) throw new Error("another body");
                rounds++;
                keys.add((await client.config.credentials()).accessKeyId);
                if (performance.now() > end) break;
                await setTimeout(100);
        }
        console.log(JSON.stringify({rounds, keys: [...keys]}).replace(":", ": "));
}

const [what, endpoint, ...rest] = process.argv.slice(2);
if (what === "s3") await s3(endpoint, ...rest);
else console.log((await new STSClient({endpoint}).send(new GetCallerIdentityCommand({}))).Arn);
