// Origins with wildcards, of other schemes and `null`, at every endpoint. Rule D1.

import { describe, expect, it } from 'vitest';
import { connect, dial, get, refusedUpgrade, startServer } from '../helpers';

const SOCKET = '/socket.io/?EIO=4&transport=websocket';
const PEER = '/peerjs/peerjs?key=peerjs&id=ada&token=t';

describe('configured origins', () => {
  it.each([
    ['https://app-*.vercel.app', 'https://app-7.vercel.app', 'https://app-7.evil.app'],
    ['capacitor://localhost', 'capacitor://localhost', 'capacitor://evil'],
    ['app://.', 'app://.', 'app://evil'],
    ['null', 'null', 'https://evil.example'],
  ])('[D1] %s allow %s and not %s over REST, Socket.IO and PeerJS', async (configured, allowed, foreign) => {
    const { url } = await startServer({ corsOrigins: [configured] });
    const headers = { Origin: allowed };
    const answer = await get(`${url}/api/call/stats`, headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe(allowed);
    const preflight = await fetch(`${url}/api/call/stats`, {
      method: 'OPTIONS',
      headers: { ...headers, 'Access-Control-Request-Method': 'GET' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe(allowed);
    await connect(url, { extraHeaders: headers });
    await connect(url, { extraHeaders: headers, transports: ['polling'] });
    await dial(url, { id: 'ada', token: 't' }, { headers }).next('OPEN');

    const refused = { Origin: foreign };
    for (const path of ['/api/call/stats', '/peerjs/peerjs/id', '/socket.io/?EIO=4&transport=polling'])
      expect((await get(`${url}${path}`, refused)).status).toBe(403);
    for (const path of [SOCKET, PEER]) expect((await refusedUpgrade(`${url}${path}`, refused)).status).toBe(403);
  });
});
