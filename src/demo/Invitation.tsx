// Beside somebody who is alone: how to get company.

import { CopyButton } from './CopyButton';
import { linkTo } from './entry';

export function Invitation({ meetingId, onShow }: { meetingId: string; onShow: () => void }) {
  const link = linkTo(meetingId);
  return (
    <li className="invitation">
      <h2>Nobody else is here</h2>
      <p>Send this link to whom you want to talk to. It is all they need.</p>
      <p className="link">{link}</p>
      <div className="choices">
        <CopyButton text={link} isPrimary>
          Copy link
        </CopyButton>
        <button type="button" className="button" onClick={onShow}>
          Show QR code
        </button>
      </div>
    </li>
  );
}
