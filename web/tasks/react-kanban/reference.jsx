import { useState } from 'react';

const COLUMNS = [
  { id: 'plan', title: 'To plant', color: '#8a5a2b' },
  { id: 'grow', title: 'Growing', color: '#2e7d4f' },
  { id: 'done', title: 'Harvested', color: '#a63d57' },
];

const START = {
  plan: ['Carrots', 'Basil'],
  grow: ['Tomatoes'],
  done: ['Radishes'],
};

const CSS = `
  * { box-sizing: border-box; }
  body { margin: 0; background: #eef3e6; color: #23301f; font: 16px/1.5 system-ui, sans-serif; }
  .page { max-width: 1120px; margin: 0 auto; padding: 36px 20px; }
  h1 { margin: 0 0 18px; font-size: 32px; line-height: 1.2; letter-spacing: -.02em; }
  .bar { display: flex; flex-wrap: wrap; align-items: end; gap: 12px; margin-bottom: 24px; }
  .field { flex: 1 1 220px; max-width: 380px; }
  label { display: block; margin-bottom: 5px; font-size: 14px; font-weight: 600; }
  input { width: 100%; height: 44px; padding: 0 14px; font: inherit; color: inherit; background: #ffffff; border: 1px solid #8f9c86; border-radius: 12px; }
  button { font: inherit; font-weight: 600; cursor: pointer; }
  .main, .plain { height: 44px; padding: 0 18px; border-radius: 12px; }
  .main { border: 0; background: #2f5d3a; color: #ffffff; }
  .plain { border: 1px solid #8f9c86; background: #ffffff; color: #23301f; }
  button:disabled { background: #f1f3ee; color: #a5afa0; border-color: #d5dbcf; cursor: not-allowed; }
  :focus-visible { outline: 3px solid #8fbf7d; outline-offset: 2px; }
  .board { display: grid; grid-template-columns: minmax(0, 1fr); gap: 18px; }
  @media (min-width: 760px) { .board { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
  .column { min-height: 120px; padding: 16px; background: #e0e8d5; border-radius: 20px; border-top: 5px solid; }
  .top { display: flex; justify-content: space-between; align-items: center; color: #23301f; }
  h2 { margin: 0; font-size: 17px; }
  .count { min-width: 30px; padding: 2px 10px; border-radius: 999px; background: #ffffff; color: #23301f; font-size: 14px; font-weight: 700; text-align: center; }
  ul { list-style: none; margin: 0; padding: 0; }
  .card { display: flex; align-items: center; gap: 8px; margin-top: 12px; padding: 12px 12px 12px 16px; background: #ffffff; color: #23301f; border-radius: 14px; box-shadow: 0 2px 6px rgb(35 48 31 / .1); }
  .name { flex: 1; min-width: 0; font-weight: 600; overflow-wrap: anywhere; }
  .move { flex: none; width: 36px; height: 36px; border: 0; border-radius: 10px; background: #e8eee0; color: #23301f; }
  .move:hover:enabled { background: #d3dfc5; }
  .none { margin: 14px 0 0; font-size: 14px; color: #4d5c46; }
`;

export default function App() {
  const [board, setBoard] = useState(START);
  const [typed, setTyped] = useState('');
  const [last, setLast] = useState(null);

  const move = (name, from, to) => {
    setLast({ name, from, to, at: board[from].indexOf(name) });
    setBoard({ ...board, [from]: board[from].filter((card) => card !== name), [to]: [...board[to], name] });
  };
  const undo = () => {
    const { name, from, to, at } = last;
    const home = [...board[from]];
    home.splice(at, 0, name);
    setBoard({ ...board, [from]: home, [to]: board[to].filter((card) => card !== name) });
    setLast(null);
  };
  const add = (event) => {
    event.preventDefault();
    const name = typed.trim();
    if (name === '') return;
    setBoard({ ...board, plan: [...board.plan, name] });
    setTyped('');
  };

  return (
    <main className="page">
      <style>{CSS}</style>
      <h1>Garden board</h1>
      <form className="bar" onSubmit={add}>
        <div className="field">
          <label htmlFor="new-card">New card</label>
          <input id="new-card" type="text" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
        </div>
        <button id="add" className="main">Add card</button>
        <button type="button" id="undo" className="plain" disabled={last === null} onClick={undo}>Undo move</button>
      </form>
      <div className="board">
        {COLUMNS.map((column, index) => (
          <section key={column.id} id={'col-' + column.id} className="column" style={{ borderColor: column.color }}>
            <div className="top">
              <h2>{column.title}</h2>
              <span id={'count-' + column.id} className="count">{board[column.id].length}</span>
            </div>
            <ul>
              {board[column.id].map((name) => (
                <li key={name} className="card">
                  <span className="name">{name}</span>
                  <button type="button" className="move" aria-label={'Move ' + name + ' left'} disabled={index === 0} onClick={() => move(name, column.id, COLUMNS[index - 1].id)}>←</button>
                  <button type="button" className="move" aria-label={'Move ' + name + ' right'} disabled={index === 2} onClick={() => move(name, column.id, COLUMNS[index + 1].id)}>→</button>
                </li>
              ))}
            </ul>
            {board[column.id].length === 0 && <p className="none">Nothing here yet</p>}
          </section>
        ))}
      </div>
    </main>
  );
}
