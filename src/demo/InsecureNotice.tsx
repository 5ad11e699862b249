// What somebody has to know who came by plain http from another machine: browsers let such a page listen, not speak.

import { Icon } from './icons';

export function InsecureNotice() {
  if (window.isSecureContext) return null;
  return (
    <div className="notice warning" role="note">
      <Icon name="warning" />
      <p>
        <strong>Here you can listen, but not speak.</strong> Browsers give microphone and camera to secure pages alone,
        and this one came by plain http. Ask for an address that begins with <code>https://</code>, which this server
        has when it is started with <code>--lan</code>, or open{' '}
        <code>{`http://localhost:${location.port || '80'}${location.pathname}`}</code> on the machine itself.
      </p>
    </div>
  );
}
