// Where the page begins.

import { createRoot } from 'react-dom/client';
import { App } from './App';
import { claimUserId } from './tab-user-id';

const page = document.getElementById('page');
if (page) void claimUserId().then((userId) => createRoot(page).render(<App userId={userId} />));
