import { useEffect, useState } from 'react';

const format = (ms) => {
  const tenths = Math.floor(ms / 100);
  const minutes = String(Math.floor(tenths / 600)).padStart(2, '0');
  const seconds = String(Math.floor(tenths / 10) % 60).padStart(2, '0');
  return minutes + ':' + seconds + '.' + (tenths % 10);
};

const CSS = `
  * { box-sizing: border-box; }
  body { margin: 0; background: #16181d; color: #f4f1ea; font: 16px/1.5 system-ui, sans-serif; }
  .page { max-width: 520px; margin: 0 auto; padding: 48px 20px; }
  h1 { margin: 0 0 20px; font-size: 18px; font-weight: 600; text-align: center; color: #c9c3b6; }
  .dial { padding: 36px 16px 30px; background: #22252d; border: 1px solid #363a45; border-radius: 28px; text-align: center; }
  #time { margin: 0 0 26px; font-size: 76px; font-weight: 300; line-height: 1.1; letter-spacing: -.03em; font-variant-numeric: tabular-nums; }
  .buttons { display: flex; justify-content: center; gap: 12px; }
  button { flex: 1; max-width: 140px; padding: 14px 8px; border: 0; border-radius: 16px; background: #3a3f4b; color: #ffffff; font: inherit; font-weight: 600; cursor: pointer; }
  button:disabled { background: #2b2f38; color: #757b88; cursor: not-allowed; }
  button:focus-visible { outline: 3px solid #f2c14e; outline-offset: 3px; }
  .start { background: #15803d; }
  .stop { background: #b91c1c; }
  .head { display: flex; justify-content: space-between; align-items: baseline; margin: 28px 4px 8px; }
  h2 { margin: 0; font-size: 17px; }
  #lap-count { color: #b9b4a8; font-size: 14px; }
  #laps { list-style: none; margin: 0; padding: 0; font-variant-numeric: tabular-nums; }
  #laps li { display: grid; grid-template-columns: 1fr 1fr 1fr; padding: 12px 16px; margin-bottom: 8px; background: #22252d; border-radius: 14px; }
  #laps span:nth-child(2) { text-align: center; color: #f2c14e; font-weight: 600; }
  #laps span:nth-child(3) { text-align: right; color: #c9c3b6; }
  @media (max-width: 480px) { #time { font-size: 64px; } .dial { padding: 28px 12px 22px; } }
`;

export default function App() {
  const [base, setBase] = useState(0);
  const [startedAt, setStartedAt] = useState(null);
  const [now, setNow] = useState(0);
  const [laps, setLaps] = useState([]);

  const running = startedAt !== null;
  const elapsed = running ? base + Math.max(0, now - startedAt) : base;

  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setNow(performance.now()), 50);
    return () => clearInterval(timer);
  }, [running]);

  const toggle = () => {
    const moment = performance.now();
    if (running) {
      setBase(base + moment - startedAt);
      setStartedAt(null);
    } else {
      setNow(moment);
      setStartedAt(moment);
    }
  };
  const lap = () => {
    const total = base + performance.now() - startedAt;
    const before = laps.length > 0 ? laps[0].total : 0;
    setLaps([{ number: laps.length + 1, own: total - before, total }, ...laps]);
  };
  const reset = () => {
    setBase(0);
    setLaps([]);
  };

  return (
    <main className="page">
      <style>{CSS}</style>
      <h1>Lap timer</h1>
      <section className="dial">
        <p id="time" role="timer">{format(elapsed)}</p>
        <div className="buttons">
          <button type="button" id="lap" disabled={!running} onClick={lap}>Lap</button>
          <button type="button" id="toggle" className={running ? 'stop' : 'start'} onClick={toggle}>{running ? 'Stop' : 'Start'}</button>
          <button type="button" id="reset" disabled={running} onClick={reset}>Reset</button>
        </div>
      </section>
      <div className="head">
        <h2>Rounds</h2>
        <span id="lap-count">{laps.length === 0 ? 'No laps yet' : laps.length + (laps.length === 1 ? ' lap' : ' laps')}</span>
      </div>
      <ol id="laps">
        {laps.map((entry) => (
          <li key={entry.number}>
            <span>Lap {entry.number}</span>
            <span>{format(entry.own)}</span>
            <span>{format(entry.total)}</span>
          </li>
        ))}
      </ol>
    </main>
  );
}
