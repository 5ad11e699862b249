// The part of the socket.io-client 2.x API that tests use. The package has no types.

declare module 'socket.io-client-2' {
  interface Socket {
    once(event: string, listener: (argument: never) => void): void;
    close(): void;
  }
  export default function io(url: string, options: Record<string, unknown>): Socket;
}
