// What is served as files: the SDK for anybody's page, and the demo.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import compression from 'compression';
import express, { type RequestHandler } from 'express';
import helmet from 'helmet';
import { CLIENT_MODULE_PATH, CLIENT_PATH, DEMO_PATH } from '../doors';

/** Where the build leaves them: beside this code when it is built as well, in dist/ when it runs from src/. */
const BUILT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../dist/' : './', import.meta.url));

/** The SDK and its source maps. What else lies in dist/ is nobody's business, so these exact paths are all there is. */
export const clientPaths = [CLIENT_PATH, CLIENT_MODULE_PATH].flatMap((path) => [path, `${path}.map`]);

/** To be asked for `clientPaths` alone. */
export const clientFiles = filesIn(BUILT);

/** The browser builds of socket.io-client. Must be mounted at the path of Socket.IO. */
export const socketClient = filesIn(join(BUILT, 'socket.io'));

/** The demo, as seen from beside it: so it is found behind a proxy that puts a path before ours, too. */
export const demoLink = DEMO_PATH.slice(1);

/** To be mounted at `DEMO_PATH`. */
export function demoFiles(folder = join(BUILT, 'demo')): RequestHandler {
  const router = express.Router();
  router.use(demoHeaders);
  router.get('/', (req, res, next) => {
    const path = req.originalUrl.split('?', 1)[0] ?? '';
    if (path.endsWith('/')) next();
    // An invitation is in the query.
    else res.redirect(demoLink + req.originalUrl.slice(path.length));
  });
  router.use(filesIn(folder));
  return router;
}

/** Browsers get them packed, keep them, and ask each time whether they still hold. */
function filesIn(folder: string): RequestHandler[] {
  const files = express.static(folder, { redirect: false, setHeaders: (res) => res.set('Cache-Control', 'no-cache') });
  return [compression(), files];
}

const demoHeaders: RequestHandler[] = [
  // Without helmet's defaults: `upgrade-insecure-requests` breaks a page that a LAN gets by plain HTTP.
  helmet.contentSecurityPolicy({
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      mediaSrc: ["'self'", 'blob:'],
      fontSrc: ["'self'"],
      manifestSrc: ["'self'"],
      // Safari before 16 does not count WebSockets of this very host as 'self'.
      connectSrc: ["'self'", 'ws:', 'wss:'],
      workerSrc: ["'none'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'self'"],
    },
  }),
  (_req, res, next) => {
    res.set('Permissions-Policy', 'microphone=(self), camera=(self), display-capture=()');
    next();
  },
];
