// Runs in each page before its own code: keeps every RTCPeerConnection within reach, and reads what it hears.

/** What one live connection has received so far. */
export interface Reading {
  /** Which connection of the page, in the order in which they were made. */
  id: number;
  state: RTCPeerConnectionState;
  packets: number;
  /** Grows while an element plays a stream that is not silent. */
  energy: number;
  /** `host`, `srflx`, `prflx` or `relay`: our end and theirs of the path in use. */
  path: [local: string, remote: string] | undefined;
}

/** How gathering candidates went. */
export interface Gathering {
  /** The types of the candidates that were found. */
  candidates: string[];
  /** The codes of the errors on the way, STUN's and TURN's own. */
  errors: number[];
}

const connections: RTCPeerConnection[] = [];

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    connections.push(this);
  }
};

/** PeerJS makes one connection to see whether it can, which never has a description. */
const isNegotiated = ({ localDescription, remoteDescription }: RTCPeerConnection) =>
  localDescription !== null || remoteDescription !== null;

/** What we read of the browser's statistics: of several kinds of entries, told apart by `type`. */
interface Stats {
  type: string;
  kind?: string;
  packetsReceived?: number;
  totalAudioEnergy?: number;
  selectedCandidatePairId?: string;
  localCandidateId?: string;
  remoteCandidateId?: string;
  candidateType?: string;
}

async function read(connection: RTCPeerConnection): Promise<Reading> {
  const stats = (await connection.getStats()) as ReadonlyMap<string, Stats>;
  const entries = [...stats.values()];
  const inbound = entries.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
  const transport = entries.find(({ type }) => type === 'transport');
  const pair = stats.get(transport?.selectedCandidatePairId ?? '');
  const typeOf = (candidateId = '') => stats.get(candidateId)?.candidateType ?? 'unknown';
  return {
    id: connections.indexOf(connection),
    state: connection.connectionState,
    packets: inbound?.packetsReceived ?? 0,
    energy: inbound?.totalAudioEnergy ?? 0,
    path: pair && [typeOf(pair.localCandidateId), typeOf(pair.remoteCandidateId)],
  };
}

const watch = {
  /** One reading for each connection that is not closed. */
  readings: (): Promise<Reading[]> =>
    Promise.all(
      connections
        .filter((connection) => isNegotiated(connection) && connection.connectionState !== 'closed')
        .map((connection) => read(connection)),
    ),

  /** All statistics of each connection that is not closed. */
  reports: (): Promise<Record<string, unknown>[][]> =>
    Promise.all(
      connections
        .filter((connection) => isNegotiated(connection) && connection.connectionState !== 'closed')
        .map(async (connection) => [
          ...((await connection.getStats()) as ReadonlyMap<string, Record<string, unknown>>).values(),
        ]),
    ),

  /** The devices whose tracks are on their way to somebody. */
  sending: (): (string | undefined)[] =>
    connections.flatMap((connection) => connection.getSenders().map(({ track }) => track?.label)),

  /** What was negotiated last on each connection. */
  descriptions: (): (string | undefined)[] =>
    connections.filter(isNegotiated).map(({ currentLocalDescription }) => currentLocalDescription?.sdp),

  /** Ends the transports of all connections, behind the back of the page's own code. */
  breakAll(): void {
    for (const connection of connections) connection.close();
  },

  /** How many connections were negotiated since the page was loaded, closed ones among them. */
  count: (): number => connections.filter(isNegotiated).length,

  /** Gathers candidates until there are no more. */
  async gather(configuration: RTCConfiguration): Promise<Gathering> {
    const connection = new RTCPeerConnection(configuration);
    const candidates: string[] = [];
    const errors: number[] = [];
    const complete = new Promise<void>((resolve) => {
      connection.onicecandidate = ({ candidate }) => {
        if (candidate === null) resolve();
        else if (candidate.type !== null) candidates.push(candidate.type);
      };
      connection.onicecandidateerror = ({ errorCode }) => errors.push(errorCode);
    });
    connection.addTransceiver('audio');
    await connection.setLocalDescription();
    await complete;
    connection.close();
    return { candidates, errors };
  },
};

declare global {
  interface Window {
    watch: typeof watch;
  }
}
window.watch = watch;
