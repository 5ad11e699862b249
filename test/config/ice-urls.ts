// STUN and TURN URLs that the configuration accepts, with their normalized form, and URLs that it refuses.

const LONG_LABEL = 'a'.repeat(63);
const LONG_NAME = `${'a.'.repeat(126)}a`;

/** Hosts, with a port or without. */
const AUTHORITIES: [text: string, normalized: string][] = [
  ['stun.example', 'stun.example'],
  ['h:1', 'h:1'],
  ['h:65535', 'h:65535'],
  ['h:03478', 'h:3478'],
  ['Stun.Example:3478', 'Stun.Example:3478'],
  ['stun.example.:3478', 'stun.example.:3478'],
  ['my_coturn:3478', 'my_coturn:3478'],
  ['192.0.2.1:3478', '192.0.2.1:3478'],
  ['[::1]:3478', '[::1]:3478'],
  ['[2001:DB8::1]', '[2001:DB8::1]'],
  ['[::ffff:192.0.2.1]:3478', '[::ffff:192.0.2.1]:3478'],
  ['bücher.example:3478', 'xn--bcher-kva.example:3478'],
  [`${LONG_LABEL}.example`, `${LONG_LABEL}.example`],
  [LONG_NAME, LONG_NAME],
];

const WRONG_AUTHORITIES = [
  '//h',
  'h:0',
  'h:65536',
  'h:99999',
  'h:-1',
  'h:1a',
  'h:+1',
  'h:',
  'h:1:2',
  ':3478',
  '::1',
  '[::1',
  '[]:1',
  '[::1]x:1',
  '[::g]:1',
  '[1:2]:1',
  '[fe80::1%25eth0]:1',
  '[192.0.2.1]:1',
  'ada@h:1',
  'ada:secret@h:1',
  'h/path:1',
  'h:1/',
  'h#x:1',
  'a b:1',
  'a\\b:1',
  'a..b:1',
  '.a:1',
  '-a:1',
  'a-.example:1',
  'a%41:1',
  '*:1',
  'h;transport=udp:1',
  '256.1.1.1:1',
  '1.2.3:1',
  '01.2.3.4:1',
  '0x7f.1:1',
  `${LONG_LABEL}a:1`,
  `${LONG_NAME}a:1`,
];

const WRONG_QUERIES = [
  '?',
  '?transport',
  '?transport=',
  '?transport=tls',
  '?transport=sctp',
  '?transport=tcp&x=1',
  '?x=1&transport=tcp',
  '?transport=udp&transport=tcp',
  '?transport=tcp?',
  '?transport=tcp#x',
  '?x=1',
];

const withSchemes = (...schemes: string[]) =>
  schemes.flatMap((scheme) =>
    AUTHORITIES.map(([text, normalized]) => [`${scheme}:${text}`, `${scheme.toLowerCase()}:${normalized}`] as const),
  );

export const ACCEPTED_STUN_URLS = withSchemes('stun', 'stuns', 'STUN');

export const ACCEPTED_TURN_URLS = [
  ...withSchemes('turn', 'turns', 'Turns'),
  ['turn:h?transport=udp', 'turn:h?transport=udp'],
  ['turn:h:3478?transport=tcp', 'turn:h:3478?transport=tcp'],
  ['turns:[::1]:5349?transport=tcp', 'turns:[::1]:5349?transport=tcp'],
  ['turns:h?transport=udp', 'turns:h?transport=udp'],
  ['TURN:h?Transport=TCP', 'turn:h?transport=tcp'],
] as const;

export const ACCEPTED_HOSTS = AUTHORITIES.filter(([text]) => /:\d+$/.test(text));

export const REFUSED = {
  STUN_URLS: [
    ...WRONG_AUTHORITIES.map((authority) => `stun:${authority}`),
    ...WRONG_QUERIES.map((query) => `stun:h${query}`),
    'stun:h?transport=udp',
    'stuns:h?transport=tcp',
    'h:3478',
    'stun',
    'stun:',
    'stun h',
    'turn:h',
    'stunss:h',
    'http://h',
  ],
  TURN_URLS: [
    ...WRONG_AUTHORITIES.map((authority) => `turn:${authority}`),
    ...WRONG_QUERIES.map((query) => `turn:h${query}`),
    'h:3478',
    'turn',
    'turns:',
    'stun:h',
    'turnss:h',
    'https://h',
  ],
  TURN_SERVER_URL: [...WRONG_AUTHORITIES, 'h', 'turn:h:3478', 'turn:h', 'h:3478?transport=tcp', 'https://h:3478'],
};
