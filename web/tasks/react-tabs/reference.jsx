import { useRef, useState } from 'react';

const TABS = [
  { id: 'profile', label: 'Profile', hint: 'How other members of the studio see you.' },
  { id: 'alerts', label: 'Alerts', hint: 'What we may write to you about.' },
  { id: 'billing', label: 'Billing', hint: 'Where the invoice goes each month.' },
];

const EMPTY = { name: '', city: '', comments: false, digest: false, invoice: '' };

const CSS = `
  * { box-sizing: border-box; }
  body { margin: 0; background: #eef0fb; color: #1e1b3a; font: 16px/1.5 system-ui, sans-serif; }
  .page { max-width: 680px; margin: 0 auto; padding: 56px 20px; }
  h1 { margin: 0 0 6px; font-size: 32px; line-height: 1.2; letter-spacing: -.02em; }
  .lead { margin: 0 0 28px; color: #56527a; }
  .box { background: #ffffff; border: 1px solid #dcdcf0; border-radius: 20px; padding: 20px; box-shadow: 0 12px 32px rgb(49 46 129 / .08); }
  [role=tablist] { display: flex; gap: 6px; padding: 6px; background: #f0f0fa; border-radius: 14px; }
  [role=tab] { flex: 1; min-width: 0; padding: 10px 8px; border: 0; border-radius: 10px; background: transparent; color: #423e66; font: inherit; font-weight: 600; cursor: pointer; }
  [role=tab]:hover { background: #e2e2f5; }
  [role=tab][aria-selected=true] { background: #4338ca; color: #ffffff; }
  :focus-visible { outline: 3px solid #a5a0f5; outline-offset: 2px; }
  [role=tabpanel] { padding: 24px 6px 8px; min-height: 250px; border-radius: 12px; }
  .hint { margin: 0 0 18px; color: #56527a; }
  .field { margin-bottom: 18px; }
  .field label { display: block; margin-bottom: 6px; font-size: 14px; font-weight: 600; }
  .field input { width: 100%; padding: 11px 14px; font: inherit; color: inherit; border: 1px solid #a5a3c4; border-radius: 12px; background: #ffffff; }
  .check { display: flex; align-items: center; gap: 12px; padding: 13px 14px; margin-bottom: 12px; border: 1px solid #dcdcf0; border-radius: 12px; }
  .check input { width: 20px; height: 20px; margin: 0; accent-color: #4338ca; }
  .foot { display: flex; align-items: center; justify-content: space-between; gap: 16px; padding: 16px 6px 0; border-top: 1px solid #e6e6f4; }
  #status { margin: 0; font-size: 14px; font-weight: 600; color: #423e66; }
  #reset { padding: 10px 18px; border: 1px solid #a5a3c4; border-radius: 12px; background: #ffffff; color: #1e1b3a; font: inherit; font-weight: 600; cursor: pointer; }
  #reset:hover { background: #f0f0fa; }
`;

export default function App() {
  const [active, setActive] = useState('profile');
  const [values, setValues] = useState(EMPTY);
  const buttons = useRef({});

  const edited = Object.keys(EMPTY).filter((key) => values[key] !== EMPTY[key]).length;
  const put = (key, value) => setValues((old) => ({ ...old, [key]: value }));
  const select = (id) => setActive(id);

  const onKeyDown = (event) => {
    const at = TABS.findIndex((tab) => tab.id === active);
    const last = TABS.length - 1;
    let to = at;
    if (event.key === 'ArrowRight') to = at === last ? 0 : at + 1;
    else if (event.key === 'ArrowLeft') to = at === 0 ? last : at - 1;
    else if (event.key === 'Home') to = 0;
    else if (event.key === 'End') to = last;
    else return;
    event.preventDefault();
    select(TABS[to].id);
    buttons.current[TABS[to].id].focus();
  };

  const reset = () => {
    setValues(EMPTY);
    setActive('profile');
  };

  const textField = (key, label, type) => (
    <div className="field">
      <label htmlFor={'field-' + key}>{label}</label>
      <input id={'field-' + key} type={type} autoComplete="off" value={values[key]} onChange={(event) => put(key, event.target.value)} />
    </div>
  );
  const checkField = (key, label) => (
    <label className="check">
      <input type="checkbox" checked={values[key]} onChange={(event) => put(key, event.target.checked)} />
      {label}
    </label>
  );
  const fields = {
    profile: <div>{textField('name', 'Display name', 'text')}{textField('city', 'City', 'text')}</div>,
    alerts: <div>{checkField('comments', 'Email me about comments')}{checkField('digest', 'Send a weekly digest')}</div>,
    billing: <div>{textField('invoice', 'Invoice email', 'email')}</div>,
  };

  return (
    <main className="page">
      <style>{CSS}</style>
      <h1>Studio settings</h1>
      <p className="lead">Everything about your place in the studio.</p>
      <div className="box">
        <div role="tablist" aria-label="Settings" onKeyDown={onKeyDown}>
          {TABS.map((tab) => (
            <button
              key={tab.id}
              type="button"
              role="tab"
              id={'tab-' + tab.id}
              ref={(node) => { buttons.current[tab.id] = node; }}
              aria-selected={tab.id === active}
              aria-controls={'panel-' + tab.id}
              tabIndex={tab.id === active ? 0 : -1}
              onClick={() => select(tab.id)}
            >
              {tab.label}
            </button>
          ))}
        </div>
        {TABS.map((tab) => (
          <div key={tab.id} role="tabpanel" id={'panel-' + tab.id} aria-labelledby={'tab-' + tab.id} hidden={tab.id !== active}>
            <p className="hint">{tab.hint}</p>
            {fields[tab.id]}
          </div>
        ))}
        <div className="foot">
          <p id="status" role="status">{edited === 0 ? 'No changes' : edited + (edited === 1 ? ' field edited' : ' fields edited')}</p>
          <button type="button" id="reset" onClick={reset}>Reset</button>
        </div>
      </div>
    </main>
  );
}
