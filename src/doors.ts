// Where each door is, under which names, and how often it asks whether somebody is still there.

/** REST of calls. */
export const API_PATH = '/api/call';

/** The default path of Socket.IO, and the namespaces that share the calls; `/` is what frontends of the first version connect to. */
export const SOCKET_PATH = '/socket.io/';
export const NAMESPACES = ['/', '/call'];

/** The browser builds of socket.io-client that are served below the path of Socket.IO. */
export const socketClientFiles = ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js'];

/** Where `new Peer(id, { path, key })` finds the broker, and where it opens its WebSocket. */
export const PEER_PATH = '/peerjs';
export const PEER_KEY = 'peerjs';
export const PEER_SOCKET_PATH = `${PEER_PATH}/peerjs`;

/** The SDK, for a script tag and for `import`. */
export const CLIENT_PATH = '/client/back-call.js';
export const CLIENT_MODULE_PATH = '/client/back-call.mjs';

/** The demo page. */
export const DEMO_PATH = '/demo/';

/** The certificate of our own authority, and how to install it. */
export const AUTHORITY_PATH = '/ca.crt';
export const TRUST_PATH = '/trust';

/** A ping every 12.5 s with 10 s for the answer: a dead connection is noticed within 25 s, at either socket. */
export const PING = { interval: 12_500, timeout: 10_000 };
