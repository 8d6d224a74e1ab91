// SPDX-License-Identifier: Apache-2.0
//
// oidc-provider (npm), a certified OpenID provider, with a login page that answers by itself. Its one argument is a JSON
// file: { port, issuer, tls: {key, cert} | null, jwks, alg, clientId, interval, ttl, users, password }. The header X-Test-User says
// who sits in front of the browser, and "deny" refuses; a browser without it is shown a form. What it is good for here: rotated refresh tokens whose reuse ends the
// family, a new ID token on every refresh, HTTPS, no "interval" in the device answer unless we add it, no "typ".
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { Provider } from 'oidc-provider';

const c = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

const provider = new Provider(c.issuer, {
  clients: [{
    client_id: c.clientId,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    id_token_signed_response_alg: c.alg,
    grant_types: ['authorization_code', 'refresh_token', DEVICE],
    response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
  }],
  jwks: c.jwks,
  cookies: { keys: ['only for tests'] },
  claims: {
    openid: ['sub', 'groups', 'https://aws.amazon.com/tags'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    acr: null, auth_time: null, iss: null, sid: null,
  },
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  conformIdTokenClaims: false, // scope claims belong into the ID token here: STS reads nothing else
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...(c.users[id] ?? {}) }) }),
  features: {
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client, code) =>
    client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  ttl: {
    AccessToken: 3600, AuthorizationCode: 60, DeviceCode: 600, Grant: 86400, IdToken: 3600, Interaction: 600,
    RefreshToken: 86400, Session: 86400, ...c.ttl,
  },
  interactions: { url: (ctx, interaction) => `/person/${interaction.uid}` },
  // Consent is implied: whoever signs in has granted what the client asks for.
  async loadExistingGrant(ctx) {
    const { client, session, params } = ctx.oidc;
    if (!session.accountId) return undefined;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope ?? 'openid');
    await grant.save();
    return grant;
  },
});
// The tests count these lines.
provider.on('grant.success', (ctx) => console.log('granted', ctx.oidc.params.grant_type));
for (const event of ['server_error', 'grant.error', 'authorization.error'])
  provider.on(event, (ctx, e) => console.error(event, e.error ?? e, e.error_description ?? '', e.error_detail ?? ''));

const FORM = `<!DOCTYPE html><title>Sign in</title><h1>Sign in</h1><form method="post">
<label>Name <input name="login" autofocus></label> <label>Password <input name="password" type="password"></label> <button>Sign in</button></form>`;

async function typed(req) {
  let body = '';
  for await (const part of req) body += part;
  const form = new URLSearchParams(body);
  return form.get('password') === c.password && c.users[form.get('login')] ? form.get('login') : undefined;
}

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/person/')) return next();
  const { prompt } = await provider.interactionDetails(ctx.req, ctx.res);
  const who = ctx.get('x-test-user') || (ctx.method === 'POST' && await typed(ctx.req));
  if (!who && prompt.name === 'login') {
    ctx.type = 'html';
    ctx.body = FORM;
    return undefined;
  }
  let result = { consent: {} };
  if (who === 'deny') result = { error: 'access_denied', error_description: 'End-User denied' };
  else if (prompt.name === 'login') result = { login: { accountId: who, amr: ['pwd'] } };
  ctx.respond = false;
  return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
});

// It never sends "interval", so a correct client waits RFC 8628's 5 s between polls. c.interval adds the field.
provider.use(async (ctx, next) => {
  await next();
  if (c.interval && ctx.oidc?.route === 'device_authorization' && ctx.status === 200) ctx.body.interval = c.interval;
});

const server = c.tls
  ? https.createServer({ key: readFileSync(c.tls.key), cert: readFileSync(c.tls.cert) }, provider.callback())
  : http.createServer(provider.callback());
server.listen(c.port, '127.0.0.1', () => console.log(`ready ${c.issuer}`));
