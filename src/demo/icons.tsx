// Our icons: strokes on a square of 24, as wide as the text beside them.

const PATHS = {
  microphone: 'M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6 11.5a6 6 0 0 0 12 0M12 17.5V21',
  microphoneOff:
    'M14.5 9V6.5a2.5 2.5 0 0 0-4.8-1M9.5 9.5v2a2.5 2.5 0 0 0 3.9 2.1M6 11.5a6 6 0 0 0 9.7 4.7M18 11.5a6 6 0 0 1-.4 2.2M12 17.5V21M4 4l16 16',
  camera:
    'M5.5 7h7A2.5 2.5 0 0 1 15 9.5v5a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 3 14.5v-5A2.5 2.5 0 0 1 5.5 7zM15 11l6-3.5v9L15 13z',
  cameraOff:
    'M10 7h2.5A2.5 2.5 0 0 1 15 9.5V12M15 11l6-3.5v9l-3.5-2M14.6 16a2.5 2.5 0 0 1-2.1 1h-7A2.5 2.5 0 0 1 3 14.5v-5A2.5 2.5 0 0 1 5.5 7M4 4l16 16',
  devices:
    'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5zM8 14.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z',
  leave:
    'M3.2 14.7c-.5-.6-.7-1.4-.5-2.1C3.7 9.7 7.5 8 12 8s8.3 1.7 9.3 4.6c.2.7 0 1.5-.5 2.1l-.9.9c-.5.5-1.3.6-1.9.2l-1.9-1.2c-.5-.3-.8-.9-.7-1.5l.1-1c-2.2-.7-4.8-.7-7 0l.1 1c.1.6-.2 1.2-.7 1.5L6 15.8c-.6.4-1.400.3-1.9-.2z',
  invite: 'M10 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM4 19c.4-3 2.8-5 6-5s5.6 2 6 5M18.5 8v5M16 10.5h5',
  link: 'M10 14a3.5 3.5 0 0 0 5 0l3.5-3.5a3.5 3.5 0 0 0-5-5L12.5 6.5M14 10a3.5 3.5 0 0 0-5 0l-3.5 3.5a3.5 3.5 0 0 0 5 5l1-1',
  pulse: 'M3 12h4l3-7 4 14 3-7h4',
  warning: 'M12 4.5l8.5 15h-17zM12 10.5v4M12 17v.1',
  down: 'M7 10l5 5 5-5',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  copy: 'M10 9h7a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 17 20h-7a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 10 9zM5.5 15V5.5A1.5 1.5 0 0 1 7 4h7.5',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  soundOff: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 10l4.5 4.5M20.5 10L16 14.5',
};

export type IconName = keyof typeof PATHS;

/** Beside words that say the same; nobody has to hear of it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The product's own sign and name. */
export function Mark() {
  return (
    <p className="mark">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="9" />
        <path d="M8 14v4M12 10.5v11M16 7v18M20 11.5v9M24 14v4" />
      </svg>
      back-call
    </p>
  );
}
