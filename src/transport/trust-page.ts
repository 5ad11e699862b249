// The page that tells how to make a device trust this server, or how to go on without.

import { AUTHORITY_PATH } from '../doors';

interface Way {
  device: string;
  /** A `User-Agent` that contains one of these opens these steps. Substrings, because a regular expression can be slow. */
  agents: string[];
  /** A `User-Agent` that contains this does not open them. */
  exceptAgent?: string;
  steps: string[];
}

const ways: Way[] = [
  {
    device: 'iPhone and iPad',
    agents: ['iPhone', 'iPad'],
    steps: [
      'Open this page in Safari, tap <b>Download the certificate</b>, and allow it.',
      'Settings, at the top: <b>Profile Downloaded</b>, then <b>Install</b>.',
      'Settings → General → About → <b>Certificate Trust Settings</b>: switch on <b>back-call CA</b>.',
    ],
  },
  {
    device: 'Android',
    agents: ['Android'],
    steps: [
      'Tap <b>Download the certificate</b>.',
      'Settings: search for <b>CA certificate</b>. It is below Security → Encryption and credentials → Install a certificate.',
      '<b>Install anyway</b>, and choose the file <code>ca.crt</code> out of the downloads.',
    ],
  },
  {
    device: 'Windows',
    agents: ['Windows'],
    steps: [
      'Download the certificate, open it, and press <b>Install Certificate</b>.',
      'Current User → <b>Place all certificates in the following store</b> → Trusted Root Certification Authorities.',
      'Or in a terminal: <code>certutil -user -addstore Root ca.crt</code>. Restart the browser.',
    ],
  },
  {
    device: 'Mac',
    agents: ['Macintosh'],
    steps: [
      'Download the certificate, and open it: Keychain Access adds it to <b>login</b>.',
      'Open it there: <b>Trust</b> → When using this certificate → <b>Always Trust</b>.',
      'Or in a terminal: <code>security add-trusted-cert -k ~/Library/Keychains/login.keychain-db ca.crt</code>',
    ],
  },
  {
    device: 'Linux, with Chrome or Chromium',
    agents: ['X11', 'Linux'],
    exceptAgent: 'Firefox',
    steps: [
      'Download the certificate. The package <code>libnss3-tools</code> (or <code>nss-tools</code>) brings <code>certutil</code>.',
      '<code>certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n back-call -i ca.crt</code>',
      'Restart the browser.',
    ],
  },
  {
    device: 'Firefox on a computer',
    agents: ['Firefox'],
    steps: [
      'Settings → Privacy &amp; Security → Certificates → <b>View Certificates</b>.',
      '<b>Authorities</b> → Import → <code>ca.crt</code>, and tick <b>Trust this CA to identify websites</b>.',
    ],
  },
];

export const style = `
:root {
  color-scheme: light dark;
  --canvas: #f4f6f4; --surface: #fff; --line: #d3dad5; --ink: #16201b; --soft: #54605a; --accent: #0b6b4b; --on-accent: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --canvas: #111513; --surface: #1a201d; --line: #343e39; --ink: #edf2ef; --soft: #a4b0aa; --accent: #5dd3a4; --on-accent: #06291c;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 42rem; padding: 1.5rem 1rem 3rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--canvas); overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 0.75rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2rem 0 0.75rem; }
p { margin: 0 0 0.75rem; }
a { color: var(--accent); }
code { font: 0.9em ui-monospace, monospace; }
.button { display: block; padding: 0.75rem 1rem; border-radius: 0.75rem; background: var(--accent); color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none; }
.soft { color: var(--soft); }
.fingerprint { padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--surface); font: 0.9rem/1.6 ui-monospace, monospace; }
details { border: 1px solid var(--line); border-radius: 0.75rem; background: var(--surface); margin: 0 0 0.5rem; }
summary { padding: 0.7rem 1rem; font-weight: 600; cursor: pointer; }
ol { margin: 0; padding: 0 1rem 0.75rem 2.5rem; }
li { margin: 0 0 0.4rem; }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 0.75rem; }
`;

/** @param agent - the `User-Agent` of who reads it */
export function trustPage(fingerprint: string, agent: string): string {
  const own = ways.find(
    ({ agents, exceptAgent }) =>
      agents.some((part) => agent.includes(part)) && !(exceptAgent && agent.includes(exceptAgent)),
  );
  const sections = ways.map(({ device, steps }) => {
    const isOpen = device === own?.device ? ' open' : '';
    return `<details${isOpen}><summary>${device}</summary><ol>${steps.map((step) => `<li>${step}</li>`).join('')}</ol></details>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trust this server · back-call</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>Trust this server</h1>
<p>Browsers give a microphone to secure pages alone, and this server has no certificate that they know: it works without
the internet. Install the certificate of its own authority once, and there is no warning any more.</p>
<p><a class="button" href=".${AUTHORITY_PATH}">Download the certificate</a></p>
<p>Before you install it, compare its SHA-256 fingerprint with the one that the server shows in its terminal:</p>
<p class="fingerprint">${fingerprint.replaceAll(':', ' ')}</p>
<h2>How to install it</h2>
${sections.join('\n')}
<h2>Or go on without</h2>
<p><a href="./">Open the call</a>, and pass the warning: in Chrome and Edge <b>Advanced</b>, then <b>Proceed</b>; in Firefox
<b>Advanced</b>, then <b>Accept the risk</b>; in Safari <b>Show details</b>, then <b>visit this website</b>. The browser asks
again when this computer has another address. Where the page opens but the call does not connect, the certificate has to be
installed.</p>
<h2>What it can do</h2>
<p class="soft">It vouches for <code>localhost</code>, for names that end in <code>.local</code>, for this computer, and for
plain IP addresses, but for no web site's name. Its key never leaves this computer. When you need it no more, remove it where
you installed it.</p>
</main>
</body>
</html>
`;
}
