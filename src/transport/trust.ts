// How a browser comes to trust us: the certificate of our own authority, and a page that tells what to do with it.

import { createHash } from 'node:crypto';
import express, { type RequestHandler } from 'express';
import helmet from 'helmet';
import { AUTHORITY_PATH, TRUST_PATH } from '../doors';
import type { Identity } from '../identity';
import { style, trustPage } from './trust-page';

/** To be mounted at the root. What is served is public; the key of the authority never comes near it. */
export function trustRoutes(
  { cert, fingerprint }: NonNullable<Identity['authority']>,
  door: RequestHandler[],
): RequestHandler {
  const router = express.Router({ strict: true, caseSensitive: true });
  router.all([AUTHORITY_PATH, TRUST_PATH], door);
  // Phones recognize it by this type. As an attachment it would only be a file to them.
  router.get(AUTHORITY_PATH, (_req, res) => res.type('application/x-x509-ca-cert').send(Buffer.from(cert)));
  router.get(TRUST_PATH, pageHeaders, (req, res) => {
    res.vary('User-Agent').set('Cache-Control', 'no-cache').type('html');
    res.send(trustPage(fingerprint, req.get('User-Agent') ?? ''));
  });
  return router;
}

const pageHeaders = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    styleSrc: [`'sha256-${createHash('sha256').update(style).digest('base64')}'`],
    imgSrc: ['data:'],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
});
