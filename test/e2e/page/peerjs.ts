// A page with a PeerJS client of any version, which the test loads before this script. Its global is `Peer`.

import type { DataConnection, MediaConnection, Peer } from 'peerjs';

/** The part of the options of a PeerJS client that tests use. */
interface Options {
  host: string;
  port: number;
  path: string;
  config: RTCConfiguration;
}

/** The events of the client since it was made: `open`, `disconnected`, `close` and `error <type>`. */
const events: string[] = [];
let client: Peer | undefined;
let microphone: MediaStream | undefined;

const made = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the page has no client');
  return value;
};

/** Remote audio counts as heard only while an element plays it. */
function play(call: MediaConnection): void {
  call.on('stream', (stream) => {
    const audio = new Audio();
    audio.srcObject = stream;
    document.body.append(audio);
    void audio.play();
  });
}

const peerPage = {
  events,
  /** Makes a client, which answers all calls and sends back all data. Returns its peer ID when the broker is connected. */
  async open(options: Options): Promise<string> {
    microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    const { Peer: Client } = window as unknown as { Peer: new (options: Options) => Peer };
    const peer = (client = new Client(options));
    peer.on('open', () => events.push('open'));
    peer.on('disconnected', () => events.push('disconnected'));
    peer.on('close', () => events.push('close'));
    peer.on('error', ({ type }) => events.push(`error ${type}`));
    peer.on('connection', (connection) => {
      connection.on('data', (data) => void connection.send(data));
    });
    peer.on('call', (call) => {
      call.answer(microphone);
      play(call);
    });
    return new Promise((resolve) => peer.once('open', resolve));
  },
  /** Sends a text by a data connection of its own. Returns what the other client sends back. */
  async exchange(to: string, text: string): Promise<unknown> {
    const connection = made(client).connect(to);
    connection.on('open', () => void connection.send(text));
    const data = await new Promise((resolve) => connection.once('data', resolve));
    connection.close();
    return data;
  },
  call(to: string): void {
    play(made(client).call(to, made(microphone)));
  },
  /** Returns the error that the client emits for a connection, which is closed then. */
  async failure(kind: 'data' | 'media', to: string): Promise<{ type: string; message: string }> {
    const peer = made(client);
    let connection: DataConnection | MediaConnection | undefined;
    const error = await new Promise<{ type: string; message: string }>((resolve) => {
      peer.once('error', ({ type, message }) => resolve({ type, message }));
      connection = kind === 'data' ? peer.connect(to) : peer.call(to, made(microphone));
    });
    connection?.close();
    return error;
  },
  status: () => ({ open: made(client).open, disconnected: made(client).disconnected, id: made(client).id }),
  disconnect: () => made(client).disconnect(),
  /** Returns the peer ID when the broker is connected again. */
  reconnect(): Promise<string> {
    const peer = made(client);
    const id = new Promise<string>((resolve) => peer.once('open', resolve));
    peer.reconnect();
    return id;
  },
};

declare global {
  interface Window {
    peerPage: typeof peerPage;
  }
}
window.peerPage = peerPage;
