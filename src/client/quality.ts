// How well somebody is heard, out of WebRTC's statistics.

import type { CandidateType, Quality } from './snapshot';

/** What we read of the entries of an `RTCStatsReport`, of several kinds, told apart by `type`. */
interface Entry {
  type: string;
  kind?: string;
  selectedCandidatePairId?: string;
  currentRoundTripTime?: number;
  localCandidateId?: string;
  remoteCandidateId?: string;
  candidateType?: CandidateType;
  protocol?: 'udp' | 'tcp';
  nominated?: boolean;
  state?: string;
  packetsReceived?: number;
  packetsLost?: number;
  jitter?: number;
}

/** Reads one connection again and again; loss is that since the last reading. */
export class QualityMeter {
  #received = 0;
  #lost = 0;

  async read(connection: RTCPeerConnection): Promise<Quality> {
    const report = (await connection.getStats()) as ReadonlyMap<string, Entry>;
    const entries = [...report.values()];
    const transport = entries.find(({ type }) => type === 'transport');
    const pair =
      report.get(transport?.selectedCandidatePairId ?? '') ??
      // Firefox names no selected pair in its transport.
      entries.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
    const local = report.get(pair?.localCandidateId ?? '');
    const remote = report.get(pair?.remoteCandidateId ?? '');
    const audio = entries.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');

    const loss = this.#lossSince(audio?.packetsReceived ?? 0, audio?.packetsLost ?? 0);
    const jitterMs = Math.round((audio?.jitter ?? 0) * 1000);
    const roundTripMs =
      pair?.currentRoundTripTime === undefined ? undefined : Math.round(pair.currentRoundTripTime * 1000);
    return {
      grade: gradeOf(roundTripMs ?? 0, jitterMs, loss),
      roundTripMs,
      jitterMs,
      loss,
      localCandidate: local?.candidateType,
      remoteCandidate: remote?.candidateType,
      protocol: local?.protocol,
    };
  }

  /** Packets that came late after all make `lost` smaller again. */
  #lossSince(received: number, lost: number): number {
    const newlyReceived = Math.max(received - this.#received, 0);
    const newlyLost = Math.max(lost - this.#lost, 0);
    this.#received = received;
    this.#lost = lost;
    return newlyLost === 0 ? 0 : Math.round((newlyLost / (newlyReceived + newlyLost)) * 1000) / 1000;
  }
}

/**
 * People find a conversation easy up to some 150 ms one way, and hard above 400 (ITU-T G.114); Opus hides a few percent of
 * loss, and its jitter buffer some tens of milliseconds.
 */
function gradeOf(roundTripMs: number, jitterMs: number, loss: number): Quality['grade'] {
  if (roundTripMs > 800 || jitterMs > 80 || loss > 0.1) return 'poor';
  if (roundTripMs > 300 || jitterMs > 30 || loss > 0.03) return 'fair';
  return 'good';
}
