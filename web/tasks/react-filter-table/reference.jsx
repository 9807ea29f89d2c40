import { useMemo, useState } from 'react';

const HUTS = [
  { name: 'Kestrel Hut', region: 'North', altitude: 1840, beds: 24 },
  { name: 'Amber Lodge', region: 'East', altitude: 960, beds: 110 },
  { name: 'Drift Cabin', region: 'South', altitude: 2315, beds: 9 },
  { name: 'Larch House', region: 'North', altitude: 1420, beds: 36 },
  { name: 'Boulder Camp', region: 'East', altitude: 2050, beds: 18 },
  { name: 'Quiet Tarn Hut', region: 'South', altitude: 1175, beds: 52 },
  { name: 'Ember Shelter', region: 'North', altitude: 2680, beds: 6 },
  { name: 'Osprey Lodge', region: 'East', altitude: 1530, beds: 74 },
];

const COLUMNS = [
  { key: 'name', label: 'Name' },
  { key: 'region', label: 'Region' },
  { key: 'altitude', label: 'Altitude', number: true },
  { key: 'beds', label: 'Beds', number: true },
];

const CSS = `
  * { box-sizing: border-box; }
  body { margin: 0; background: #eaf1f4; color: #12303c; font: 16px/1.5 system-ui, sans-serif; }
  .page { max-width: 880px; margin: 0 auto; padding: 36px 16px; }
  h1 { margin: 0 0 4px; font-size: 32px; line-height: 1.2; letter-spacing: -.02em; }
  .lead { margin: 0 0 20px; color: #47626d; }
  .bar { display: flex; flex-wrap: wrap; align-items: end; gap: 14px; margin-bottom: 18px; }
  .field { flex: 1 1 150px; }
  label { display: block; margin-bottom: 5px; font-size: 14px; font-weight: 600; }
  input, select { width: 100%; height: 44px; padding: 0 14px; font: inherit; color: inherit; background: #ffffff; border: 1px solid #8fa6af; border-radius: 12px; }
  #reset { height: 44px; padding: 0 20px; border: 0; border-radius: 12px; background: #0f5a73; color: #ffffff; font: inherit; font-weight: 600; cursor: pointer; }
  :focus-visible { outline: 3px solid #4aa8c4; outline-offset: 2px; }
  .card { overflow: hidden; background: #ffffff; border: 1px solid #cfdde2; border-radius: 18px; box-shadow: 0 10px 28px rgb(18 48 60 / .07); }
  .facts { display: flex; justify-content: space-between; gap: 12px; padding: 13px 18px; font-size: 14px; font-weight: 600; background: #f5f9fa; }
  table { width: 100%; border-collapse: collapse; }
  th { padding: 6px 4px; text-align: left; background: #12303c; }
  td { padding: 9px 16px; border-top: 1px solid #e3ecef; }
  td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  th button { padding: 7px 12px; border: 0; border-radius: 8px; background: transparent; color: #ffffff; font: inherit; font-size: 14px; font-weight: 600; white-space: nowrap; cursor: pointer; }
  th button:hover { background: #24505f; }
  tbody tr:hover { background: #f5f9fa; }
  .tag { display: inline-block; padding: 1px 10px; border-radius: 999px; background: #dfeef3; color: #0c4a5f; font-size: 14px; }
  #empty { margin: 0; padding: 40px 16px; text-align: center; color: #47626d; }
  @media (max-width: 520px) {
    td { padding: 9px 8px; font-size: 15px; }
    th { padding: 6px 0; }
    th button { padding: 7px 6px; font-size: 13px; }
  }
`;

export default function App() {
  const [query, setQuery] = useState('');
  const [region, setRegion] = useState('all');
  const [sort, setSort] = useState(null);

  const rows = useMemo(() => {
    const wanted = query.trim().toLowerCase();
    const found = HUTS.filter((hut) => hut.name.toLowerCase().includes(wanted))
      .filter((hut) => region === 'all' || hut.region === region);
    if (!sort) return found;
    const order = (a, b) => (typeof a === 'number' ? a - b : a.localeCompare(b));
    return found.sort((a, b) => order(a[sort.key], b[sort.key]) * (sort.down ? -1 : 1));
  }, [query, region, sort]);

  const beds = rows.reduce((sum, hut) => sum + hut.beds, 0);
  const sortBy = (key) => setSort({ key, down: sort !== null && sort.key === key && !sort.down });
  const stateOf = (key) => (!sort || sort.key !== key ? 'none' : sort.down ? 'descending' : 'ascending');
  const arrow = { none: '↕', ascending: '↑', descending: '↓' };

  const reset = () => {
    setQuery('');
    setRegion('all');
    setSort(null);
  };

  return (
    <main className="page">
      <style>{CSS}</style>
      <h1>Mountain huts</h1>
      <p className="lead">Find a bed for the night between the valleys.</p>
      <div className="bar">
        <div className="field">
          <label htmlFor="query">Search huts</label>
          <input id="query" type="text" autoComplete="off" value={query} onChange={(event) => setQuery(event.target.value)} />
        </div>
        <div className="field">
          <label htmlFor="region">Show region</label>
          <select id="region" value={region} onChange={(event) => setRegion(event.target.value)}>
            <option value="all">All regions</option>
            <option>North</option>
            <option>East</option>
            <option>South</option>
          </select>
        </div>
        <button type="button" id="reset" onClick={reset}>Reset</button>
      </div>
      <section className="card">
        <div className="facts" role="status">
          <span id="row-count">{rows.length} of {HUTS.length} huts</span>
          <span id="bed-count">{beds} beds</span>
        </div>
        <table id="huts">
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th key={column.key} scope="col" aria-sort={stateOf(column.key)} className={column.number ? 'number' : ''}>
                  <button type="button" id={'sort-' + column.key} onClick={() => sortBy(column.key)}>
                    {column.label} <span aria-hidden="true">{arrow[stateOf(column.key)]}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((hut) => (
              <tr key={hut.name}>
                <td>{hut.name}</td>
                <td><span className="tag">{hut.region}</span></td>
                <td className="number">{hut.altitude} m</td>
                <td className="number">{hut.beds}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p id="empty">No huts match</p>}
      </section>
    </main>
  );
}
