// Where the page begins.

import { createRoot } from 'react-dom/client';
import { App } from './App';
import { fetchSocketPath } from './socket-path';
import { claimUserId } from './tab-user-id';

const page = document.getElementById('page');
if (page)
  void Promise.all([claimUserId(), fetchSocketPath()]).then(([userId, socketPath]) =>
    createRoot(page).render(<App userId={userId} socketPath={socketPath} />),
  );
