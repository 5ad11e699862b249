// How others get into this call: a link, and the same for the camera of a phone.

import { useRef } from 'react';
import { CopyButton } from './CopyButton';
import { Dialog } from './Dialog';
import { linkTo } from './entry';
import { QrCode } from './QrCode';
import { useTrustLink } from './use-trust-link';

interface Props {
  meetingId: string;
  /** Where the server is. */
  server: string;
  onClose: () => void;
}

export function InviteDialog({ meetingId, server, onClose }: Props) {
  const link = linkTo(meetingId);
  const trustLink = useTrustLink(server);
  const field = useRef<HTMLInputElement>(null);
  return (
    <Dialog title="Invite" onClose={onClose}>
      <label className="field">
        Whoever has this link can join
        <input ref={field} readOnly value={link} onFocus={() => field.current?.select()} />
      </label>
      <div className="choices">
        <CopyButton text={link} isPrimary>
          Copy link
        </CopyButton>
        {'share' in navigator && (
          <button type="button" className="button" onClick={() => void share(link)}>
            Share…
          </button>
        )}
      </div>
      <QrCode text={link} label={`QR code of ${link}`} />
      <p className="soft">{isLocal() ? LOCAL : 'Or point the camera of a phone at it.'}</p>
      {trustLink !== undefined && (
        <p className="soft">
          Their browser will warn of a certificate that it does not know. They can pass that, or{' '}
          <a href={trustLink} target="_blank">
            get rid of it
          </a>
          .
        </p>
      )}
    </Dialog>
  );
}

const LOCAL = 'This address is good on this computer alone. Others need the address that it has in your network.';

const isLocal = () => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);

async function share(url: string): Promise<void> {
  // Who closes the browser's own dialog has decided; there is nothing to say.
  await navigator.share({ title: 'Join the call', url }).catch(() => undefined);
}
