import { useState } from 'react';

const PRICES = { Letterpress: 40, Bookbinding: 55, Marbling: 30 };
const EMPTY = { name: '', email: '', workshop: '', seats: '1' };
const TITLES = ['About you', 'Your visit', 'Summary'];

function check(step, data) {
  const errors = {};
  if (step === 0) {
    if (data.name.trim() === '') errors.name = 'Please enter your name';
    if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(data.email.trim())) errors.email = 'Please enter a valid email address';
  }
  if (step === 1) {
    const seats = Number(data.seats);
    if (data.workshop === '') errors.workshop = 'Please choose a workshop';
    if (!Number.isInteger(seats) || seats < 1 || seats > 6) errors.seats = 'Choose 1 to 6 seats';
  }
  return errors;
}

const CSS = `
  * { box-sizing: border-box; }
  body { margin: 0; background: #fbf3ec; color: #33231c; font: 16px/1.5 system-ui, sans-serif; }
  .page { max-width: 560px; margin: 0 auto; padding: 44px 20px; }
  h1 { margin: 0 0 20px; font-size: 32px; line-height: 1.2; letter-spacing: -.02em; }
  .card { background: #ffffff; border: 1px solid #ecdccf; border-radius: 22px; padding: 26px 24px; box-shadow: 0 14px 36px rgb(120 70 40 / .09); }
  #progress { margin: 0 0 10px; font-size: 14px; font-weight: 600; color: #8a4322; }
  .track { display: flex; gap: 6px; margin-bottom: 22px; }
  .track span { flex: 1; height: 6px; border-radius: 3px; background: #f0e2d6; }
  .track .full { background: #b8562b; }
  h2 { margin: 0 0 18px; font-size: 22px; }
  .field { margin-bottom: 16px; }
  label { display: block; margin-bottom: 6px; font-size: 14px; font-weight: 600; color: #4d382e; }
  input, select { width: 100%; height: 46px; padding: 0 14px; font: inherit; color: inherit; background: #ffffff; border: 1px solid #a8948a; border-radius: 12px; }
  [aria-invalid=true] { border-color: #b42318; box-shadow: 0 0 0 1px #b42318; }
  :focus-visible { outline: 3px solid #f0b48f; outline-offset: 2px; }
  .error { margin: 6px 0 0; font-size: 14px; color: #b42318; }
  .hint { margin: 6px 0 0; font-size: 14px; color: #6d574c; }
  .buttons { display: flex; justify-content: space-between; flex-direction: row-reverse; gap: 12px; margin-top: 24px; }
  button { padding: 12px 24px; border: 1px solid #a8948a; border-radius: 14px; background: #ffffff; color: #33231c; font: inherit; font-weight: 600; cursor: pointer; }
  .main { border-color: #a34a22; background: #a34a22; color: #ffffff; }
  dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 10px 20px; margin: 0; }
  dt { color: #6d574c; }
  dd { margin: 0; text-align: right; font-weight: 600; overflow-wrap: anywhere; }
  .total { font-size: 22px; color: #8a4322; }
  .done { padding: 16px 0; text-align: center; }
  #thanks { margin: 0 0 22px; font-size: 20px; }
`;

export default function App() {
  const [step, setStep] = useState(0);
  const [data, setData] = useState(EMPTY);
  const [errors, setErrors] = useState({});

  const put = (key) => (event) => setData({ ...data, [key]: event.target.value });
  const submit = (event) => {
    event.preventDefault();
    const found = check(step, data);
    setErrors(found);
    if (Object.keys(found).length === 0) setStep(step + 1);
  };
  const back = () => {
    setErrors({});
    setStep(step - 1);
  };
  const restart = () => {
    setData(EMPTY);
    setErrors({});
    setStep(0);
  };

  const described = (key) => ({ 'aria-invalid': key in errors, 'aria-describedby': key in errors ? 'error-' + key : undefined });
  const message = (key) => key in errors && <p id={'error-' + key} className="error">{errors[key]}</p>;
  const textField = (key, label) => (
    <div className="field">
      <label htmlFor={key}>{label}</label>
      <input id={key} type="text" autoComplete="off" value={data[key]} onChange={put(key)} {...described(key)} />
      {message(key)}
    </div>
  );

  return (
    <main className="page">
      <style>{CSS}</style>
      <h1>Workshop sign-up</h1>
      {step === 3 ? (
        <section className="card done">
          <p id="thanks">Thank you, {data.name.trim()}. We look forward to seeing you.</p>
          <button type="button" id="restart" onClick={restart}>Start over</button>
        </section>
      ) : (
        <form className="card" noValidate onSubmit={submit}>
          <p id="progress">Step {step + 1} of 3</p>
          <div className="track" aria-hidden="true">
            {TITLES.map((title, at) => <span key={title} className={at <= step ? 'full' : ''} />)}
          </div>
          <h2>{TITLES[step]}</h2>
          {step === 0 && <div>{textField('name', 'Full name')}{textField('email', 'Email')}</div>}
          {step === 1 && (
            <div>
              <div className="field">
                <label htmlFor="workshop">Workshop</label>
                <select id="workshop" value={data.workshop} onChange={put('workshop')} {...described('workshop')}>
                  <option value="">Choose a workshop</option>
                  {Object.keys(PRICES).map((name) => <option key={name}>{name}</option>)}
                </select>
                {message('workshop')}
                <p className="hint">A seat is $40 for Letterpress, $55 for Bookbinding, $30 for Marbling.</p>
              </div>
              <div className="field">
                <label htmlFor="seats">Seats</label>
                <input id="seats" type="number" value={data.seats} onChange={put('seats')} {...described('seats')} />
                {message('seats')}
              </div>
            </div>
          )}
          {step === 2 && (
            <dl id="summary">
              <dt>Name</dt><dd>{data.name.trim()}</dd>
              <dt>Email</dt><dd>{data.email.trim()}</dd>
              <dt>Workshop</dt><dd>{data.workshop}</dd>
              <dt>Seats</dt><dd>{data.seats}</dd>
              <dt>Total</dt><dd id="total" className="total">${PRICES[data.workshop] * Number(data.seats)}</dd>
            </dl>
          )}
          <div className="buttons">
            <button id={step === 2 ? 'confirm' : 'next'} className="main">{step === 2 ? 'Confirm' : 'Next'}</button>
            {step > 0 && <button type="button" id="back" onClick={back}>Back</button>}
          </div>
        </form>
      )}
    </main>
  );
}
