import { defineConfig, type Options } from 'tsup';

const browser: Options = { target: 'es2022', platform: 'browser', sourcemap: true };
const whole: Options = { ...browser, minify: true, noExternal: [/.*/], splitting: false };
/** React looks for it, and means its own development build by its absence. */
const define = { 'process.env.NODE_ENV': '"production"' };

export default defineConfig(({ watch }): Options[] => [
  {
    entry: ['src/index.ts', 'src/server.ts'],
    format: 'esm',
    target: 'node20',
    platform: 'node',
    dts: !watch && { entry: 'src/index.ts' },
    sourcemap: true,
    // `npm run dev`: each build of the server starts it again.
    ...(watch && { onSuccess: 'node --enable-source-maps dist/server.js' }),
  },
  {
    // `import 'back-call/client'` and `'back-call/react'`: ordinary modules that leave their dependencies to the app.
    ...browser,
    entry: { 'client/index': 'src/client/index.ts', 'react/index': 'src/react/index.ts' },
    format: 'esm',
    dts: !watch,
    external: ['react', 'peerjs', 'socket.io-client'],
  },
  {
    // What the server serves: all in one file, as a script and as a module.
    ...whole,
    entry: { 'client/back-call': 'src/client/index.ts' },
    format: ['iife', 'esm'],
    globalName: 'BackCall',
    outExtension: ({ format }) => ({ js: format === 'iife' ? '.js' : '.mjs' }),
  },
  {
    ...whole,
    entry: ['src/demo/main.tsx'],
    outDir: 'dist/demo',
    format: 'esm',
    define,
    publicDir: 'src/demo/public',
  },
]);
