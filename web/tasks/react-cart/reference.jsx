import { useState } from 'react';

const START = [
  { id: 'sencha', name: 'Sencha tin', note: 'Loose leaf, 100 g', cents: 1250, qty: 1, tint: '#cfe3c4' },
  { id: 'teapot', name: 'Iron teapot', note: 'Holds 0.9 litres', cents: 4800, qty: 1, tint: '#c9d3dd' },
  { id: 'cup', name: 'Porcelain cup', note: 'Glazed by hand', cents: 900, qty: 2, tint: '#f0dcc6' },
];

const money = (cents) => '$' + (cents / 100).toFixed(2);

const CSS = `
  * { box-sizing: border-box; }
  body { margin: 0; background: #f3f1ea; color: #20302a; font: 16px/1.5 system-ui, sans-serif; }
  .shop { max-width: 1040px; margin: 0 auto; padding: 40px 20px 64px; }
  .brand { margin: 0; font-size: 14px; font-weight: 600; letter-spacing: .04em; color: #2f6b4f; }
  .top { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; margin-bottom: 24px; }
  h1 { margin: 0; font-size: 34px; letter-spacing: -.02em; line-height: 1.2; }
  .muted { color: #5a6860; font-size: 14px; }
  .layout { display: grid; grid-template-columns: minmax(0, 1fr); gap: 24px; align-items: start; }
  @media (min-width: 860px) { .layout { grid-template-columns: minmax(0, 1fr) 340px; } }
  .card { background: #ffffff; border: 1px solid #e2dfd3; border-radius: 18px; padding: 8px 22px; }
  ul { list-style: none; margin: 0; }
  .line { display: flex; flex-wrap: wrap; align-items: center; gap: 12px 16px; padding: 18px 0; }
  .line + .line { border-top: 1px solid #ece9df; }
  .swatch { flex: none; width: 52px; height: 52px; border-radius: 14px; }
  .info { flex: 1 1 150px; }
  .info strong { display: block; }
  .stepper { display: flex; align-items: center; border: 1px solid #d3d0c3; border-radius: 999px; padding: 3px; }
  .qty { min-width: 32px; text-align: center; font-weight: 600; }
  button { font: inherit; cursor: pointer; border: 0; border-radius: 999px; }
  button:focus-visible, input:focus-visible { outline: 3px solid #7fb79a; outline-offset: 2px; }
  .step { width: 34px; height: 34px; background: #e8f0ea; color: #1f4d38; font-size: 18px; line-height: 1; }
  .step:disabled { background: #f4f5f0; color: #a9b3ac; cursor: not-allowed; }
  .sum { min-width: 76px; text-align: right; font-weight: 600; }
  .remove { background: none; color: #a13d2d; padding: 6px 8px; font-size: 14px; text-decoration: underline; }
  .summary { padding: 22px; }
  h2 { margin: 0 0 14px; font-size: 20px; }
  .row { display: flex; justify-content: space-between; padding: 5px 0; }
  .grand { border-top: 1px solid #e2dfd3; margin-top: 10px; padding-top: 14px; font-size: 22px; font-weight: 700; }
  label { display: block; font-size: 14px; font-weight: 600; margin: 18px 0 6px; }
  .code { display: flex; gap: 8px; }
  input { flex: 1; min-width: 0; font: inherit; padding: 10px 14px; border: 1px solid #a9aea4; border-radius: 12px; }
  .apply { background: #20302a; color: #ffffff; padding: 10px 18px; border-radius: 12px; }
  .message { min-height: 21px; margin: 8px 0 14px; font-size: 14px; color: #1f6a45; }
  .message.bad { color: #a13d2d; }
  .checkout { width: 100%; padding: 14px; background: #2f6b4f; color: #ffffff; font-weight: 600; border-radius: 14px; }
  .checkout:disabled { background: #dcdad0; color: #6b6f68; cursor: not-allowed; }
  .empty { text-align: center; padding: 56px 0; font-size: 20px; margin: 0; }
`;

export default function App() {
  const [lines, setLines] = useState(START);
  const [typed, setTyped] = useState('');
  const [rate, setRate] = useState(0);
  const [message, setMessage] = useState(null);

  const items = lines.reduce((sum, line) => sum + line.qty, 0);
  const subtotal = lines.reduce((sum, line) => sum + line.qty * line.cents, 0);
  const discount = Math.round(subtotal * rate);
  const shipping = subtotal === 0 || subtotal >= 8000 ? 0 : 600;
  const total = subtotal - discount + shipping;

  const change = (id, by) =>
    setLines((old) => old.map((line) => (line.id === id ? { ...line, qty: line.qty + by } : line)));
  const remove = (id) => setLines((old) => old.filter((line) => line.id !== id));
  const apply = (event) => {
    event.preventDefault();
    const good = typed.trim().toUpperCase() === 'STEEP10';
    setRate(good ? 0.1 : 0);
    setMessage(good ? { text: 'STEEP10 applied: 10% off' } : { text: 'This code is not valid', bad: true });
  };

  return (
    <main className="shop">
      <style>{CSS}</style>
      <p className="brand">Leaf &amp; Kettle</p>
      <header className="top">
        <h1>Your cart</h1>
        <span id="item-count" className="muted">{items} {items === 1 ? 'item' : 'items'}</span>
      </header>
      <div className="layout">
        <section className="card" aria-label="Products">
          {lines.length === 0 ? <p className="empty">Your cart is empty</p> : (
            <ul style={{ padding: 0 }}>
              {lines.map((line) => (
                <li key={line.id} id={'line-' + line.id} className="line">
                  <span className="swatch" style={{ background: line.tint }} aria-hidden="true" />
                  <div className="info">
                    <strong>{line.name}</strong>
                    <span className="muted">{line.note} · {money(line.cents)} each</span>
                  </div>
                  <div className="stepper">
                    <button type="button" id={'dec-' + line.id} className="step" aria-label={'One ' + line.name + ' less'} disabled={line.qty <= 1} onClick={() => change(line.id, -1)}>−</button>
                    <span id={'qty-' + line.id} className="qty">{line.qty}</span>
                    <button type="button" id={'inc-' + line.id} className="step" aria-label={'One ' + line.name + ' more'} onClick={() => change(line.id, 1)}>+</button>
                  </div>
                  <span id={'sum-' + line.id} className="sum">{money(line.qty * line.cents)}</span>
                  <button type="button" id={'remove-' + line.id} className="remove" aria-label={'Remove ' + line.name} onClick={() => remove(line.id)}>Remove</button>
                </li>
              ))}
            </ul>
          )}
        </section>
        <section className="card summary">
          <h2>Summary</h2>
          <div className="row"><span>Subtotal</span><span id="subtotal">{money(subtotal)}</span></div>
          <div className="row"><span>Discount</span><span id="discount">−{money(discount)}</span></div>
          <div className="row"><span>Shipping</span><span id="shipping">{shipping === 0 ? 'Free' : money(shipping)}</span></div>
          <div className="row grand"><span>Total</span><span id="total">{money(total)}</span></div>
          <form onSubmit={apply}>
            <label htmlFor="code">Discount code</label>
            <div className="code">
              <input id="code" value={typed} autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
              <button id="apply" className="apply">Apply</button>
            </div>
          </form>
          <p id="code-message" role="status" className={message && message.bad ? 'message bad' : 'message'}>{message ? message.text : ''}</p>
          <button type="button" id="checkout" className="checkout" disabled={lines.length === 0}>Go to checkout</button>
        </section>
      </div>
    </main>
  );
}
