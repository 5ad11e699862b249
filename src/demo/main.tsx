// Where the page begins.

import { createRoot } from 'react-dom/client';
import { App } from './App';

const page = document.getElementById('page');
if (page) createRoot(page).render(<App />);
