/** Which addresses are of the internet, and not of the network, the machine or the service that a request is made from. */
import { BlockList, isIP } from 'node:net';

const own = new BlockList();
/** IANA's registries of special addresses: of this network and machine, private, shared, link-local, for tests, multicast. */
const ranges = {
  ipv4: [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/4',
    '240.0.0.0/4',
  ],
  ipv6: [
    '::/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/23',
    '2001:db8::/32',
    '2002::/16',
    'fc00::/7',
    'fe80::/10',
    'ff00::/8',
  ],
} as const;
for (const family of ['ipv4', 'ipv6'] as const) {
  for (const range of ranges[family]) {
    const [address, prefix] = range.split('/') as [string, string];
    own.addSubnet(address, Number(prefix), family);
  }
}

/** Whether an IP address is one of the internet. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && !own.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

/** The host of a URL as an IP address; undefined where it is a name. */
export function addressInUrl({ hostname }: Pick<URL, 'hostname'>): string | undefined {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? undefined : host;
}

/** What is wrong with a URL that secrets or data are sent to; undefined: nothing that can be seen without asking for its address. */
export function problemWithUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must have no name or password in it';
  const address = addressInUrl(url);
  const isLocal = /(^|\.)(localhost|local|internal)\.?$/.test(url.hostname);
  if (isLocal || (address !== undefined && !isPublicAddress(address))) return 'must be an address of the internet';
  return undefined;
}
