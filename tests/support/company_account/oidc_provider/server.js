// A certified OpenID Provider on loopback. Its one argument is JSON: port, client, and accounts by the name to sign in with.
import Provider from 'oidc-provider'

const { port, client, accounts } = JSON.parse(process.argv[2])

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'groups'] },
  features: { backchannelLogout: { enabled: true } },
  cookies: { keys: ['only-for-the-tests'] },
  // Without its own guard against addresses of this machine, where the tests' site is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: async (_context, id) => accounts[id] && { accountId: id, claims: async () => ({ sub: id, ...accounts[id] }) }
})
provider.on('backchannel.error', (_context, error) => console.error(error))
provider.listen(port, '127.0.0.1', () => console.log('ready'))
