// STUN and TURN servers that follow their RFCs, but that some browsers refuse.

import { blockedPorts } from '../blocked-ports';
import type { Config } from './config';

/** The ports below 1024 to which Chromium connects by TURN (libwebrtc, `TurnPort::AllowedTurnPort`). */
const LOW_TURN_PORTS = [53, 80, 443];

/** Returns a sentence for each server with which `new RTCPeerConnection` throws in Firefox, or which Chromium ignores. */
export function iceWarnings({ stunUrls, turnServer, turnRest }: Config): string[] {
  const urls = [...stunUrls, ...(turnServer ? [`turn:${turnServer.host}`] : []), ...(turnRest?.urls ?? [])];
  return urls.flatMap((url) => {
    const port = Number(/:(\d+)(?:\?|$)/.exec(url)?.[1] ?? 3478);
    const warnings: string[] = [];
    if (url.startsWith('stuns:')) warnings.push(`calls in Firefox fail with ${url}: Firefox does not support stuns:`);
    // Of the ports that browsers block for HTTP, Firefox allows 53 for STUN and TURN.
    if (blockedPorts.has(port) && port !== 53)
      warnings.push(`calls in Firefox fail with ${url}: Firefox blocks port ${port}`);
    if (url.startsWith('turn') && port < 1024 && !LOW_TURN_PORTS.includes(port))
      warnings.push(`Chromium ignores ${url}: TURN ports below 1024 must be ${LOW_TURN_PORTS.join(', ')}`);
    return warnings;
  });
}
