// Puts a text on the clipboard, and says that it did.

import { useEffect, useState } from 'react';
import { Icon } from './icons';

const SAID_MS = 2500;

interface Props {
  text: string;
  children: string;
  isPrimary?: boolean;
}

export function CopyButton({ text, children, isPrimary = false }: Props) {
  const [outcome, setOutcome] = useState<'copied' | 'refused' | null>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => setOutcome(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);

  const copy = async () => setOutcome((await copyText(text)) ? 'copied' : 'refused');
  const word = outcome && { copied: 'Copied', refused: 'Select the text, and copy it' }[outcome];
  return (
    <>
      <button type="button" className={isPrimary ? 'button primary' : 'button'} onClick={() => void copy()}>
        <Icon name={outcome === 'copied' ? 'check' : 'copy'} /> {word ?? children}
      </button>
      <span className="hidden" role="status">
        {word}
      </span>
    </>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyTheOldWay(text);
  }
}

/** Insecure pages have no `navigator.clipboard`. */
function copyTheOldWay(text: string): boolean {
  const copy = (event: ClipboardEvent) => {
    event.preventDefault();
    event.clipboardData?.setData('text/plain', text);
  };
  document.addEventListener('copy', copy);
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    return document.execCommand('copy');
  } finally {
    document.removeEventListener('copy', copy);
  }
}
