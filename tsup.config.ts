import { defineConfig, type Options } from 'tsup';
import { notices } from './scripts/notices';
import { slim } from './scripts/slim';
import { socketIoClient } from './scripts/socket-io-client';

/** Where the build goes: see scripts/dist.mjs. `npm run dev` builds into dist/. */
const outDir = process.env.BUILD_FOLDER ?? 'dist';
/** Everything in it, so that it runs without node_modules. */
const whole: Options = { noExternal: [/.*/] };
/** What all that contains. */
const noted = notices(`${outDir}/NOTICES.txt`);
const library: Options = { format: ['esm', 'cjs'], splitting: true, sourcemap: true, shims: true };
const browser: Options = { outDir, target: 'es2022', platform: 'browser', sourcemap: true };
const page: Options = { ...browser, ...whole, esbuildPlugins: [noted], minify: true, splitting: false };
const node: Options = { outDir, target: 'node20', platform: 'node' };
/** React looks for it, and means its own development build by its absence. */
const define = { 'process.env.NODE_ENV': '"production"' };

export default defineConfig(({ watch }): Options[] => [
  {
    // The process. What only some starts need is in chunks of its own.
    ...node,
    ...whole,
    esbuildPlugins: [slim, noted],
    entry: ['src/server.ts'],
    format: 'esm',
    splitting: true,
    outExtension: () => ({ js: '.mjs' }),
    // Smaller, and loaded faster; names stay, for who reads a stack.
    esbuildOptions: (options) => Object.assign(options, { minifyWhitespace: true, minifySyntax: true }),
    // Packages that are no modules ask for Node's own by `require`.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    // `npm run dev`: each build of the server starts it again.
    ...(watch && { sourcemap: 'inline', onSuccess: 'node --enable-source-maps dist/server.mjs' }),
  },
  {
    // `import 'back-call'`, and below `'back-call/client'` and `'back-call/react'`: ordinary modules that leave their
    // dependencies to the app.
    ...node,
    ...library,
    entry: ['src/index.ts'],
    dts: !watch,
  },
  {
    ...browser,
    ...library,
    entry: { 'client/index': 'src/client/index.ts', 'react/index': 'src/react/index.ts' },
    dts: !watch,
    external: ['react', 'peerjs', 'socket.io-client'],
  },
  {
    // What the server serves: the SDK all in one file, as a script and as a module, and the demo.
    ...page,
    esbuildPlugins: [noted, socketIoClient],
    entry: { 'client/back-call': 'src/client/index.ts' },
    format: ['iife', 'esm'],
    globalName: 'BackCall',
    outExtension: ({ format }) => ({ js: format === 'iife' ? '.js' : '.mjs' }),
  },
  {
    ...page,
    entry: ['src/demo/main.tsx'],
    outDir: `${outDir}/demo`,
    format: 'esm',
    define,
    publicDir: 'src/demo/public',
  },
]);
