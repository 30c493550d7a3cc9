// The search form. It holds no state of its own: `read` takes it from the fields and `write` puts it there.

import { h, replace } from './dom.js';
import { operations, services } from './api.js';
import { line } from './format.js';
import { DEFAULTS, LIMITS, RANGES } from './query.js';

export class SearchForm {
  /** `onSubmit` is called with nothing when the reader asks for a search. */
  constructor(onSubmit) {
    this.onSubmit = onSubmit;
    this.problems = {};
    this.service = h('select', { id: 'f-service', on: { change: () => this.serviceChanged() } });
    this.operation = h('input', { id: 'f-operation', list: 'operations', placeholder: 'All operations', autocomplete: 'off' });
    this.operationNames = h('datalist', { id: 'operations' });
    this.tags = h('input', { id: 'f-tags', placeholder: 'http.route=/orders', autocomplete: 'off', spellcheck: 'false' });
    this.min = h('input', { id: 'f-min', placeholder: '100ms', autocomplete: 'off' });
    this.max = h('input', { id: 'f-max', placeholder: '1.5s', autocomplete: 'off' });
    this.errors = h('input', { id: 'f-errors', type: 'checkbox' });
    this.range = h('select', { id: 'f-range', on: { change: () => this.rangeChanged() } }, choices(RANGES));
    this.start = h('input', { id: 'f-start', type: 'datetime-local', step: '1' });
    this.end = h('input', { id: 'f-end', type: 'datetime-local', step: '1' });
    this.limit = h('select', { id: 'f-limit' }, choices(LIMITS.map((n) => [n, `${n} a page`])));
    this.dates = h('div', { class: 'pair' }, this.field('start', 'From', this.start), this.field('end', 'To', this.end));
    this.element = this.layout();
    replace(this.service, h('option', { value: '' }, 'All services'));
    this.write(DEFAULTS);
  }

  layout() {
    const submit = (event) => {
      event.preventDefault();
      this.onSubmit();
    };
    const reset = () => {
      this.write(DEFAULTS);
      this.onSubmit();
    };
    return h('form', { class: 'search-form', role: 'search', 'aria-label': 'Search traces', on: { submit } },
      this.field('service', 'Service', this.service),
      this.field('operation', 'Operation', this.operation), this.operationNames,
      this.field('tags', 'Tags', this.tags, 'key=value, several parted by spaces'),
      h('div', { class: 'pair' }, this.field('min', 'Min duration', this.min), this.field('max', 'Max duration', this.max)),
      h('label', { class: 'check', for: 'f-errors' }, this.errors, h('span', {}, 'Only errors')),
      this.field('range', 'Time', this.range), this.dates,
      this.field('limit', 'Results', this.limit),
      h('div', { class: 'actions' },
        h('button', { class: 'button primary', type: 'submit', id: 'f-submit' }, 'Search'),
        h('button', { class: 'button quiet', type: 'button', on: { click: reset } }, 'Reset')));
  }

  field(name, label, input, hint) {
    const problem = h('span', { class: 'problem', id: `p-${name}`, role: 'alert' });
    this.problems[name] = { problem, input };
    return h('div', { class: 'field' },
      h('label', { for: `f-${name}` }, label), input,
      hint && h('span', { class: 'hint' }, hint), problem);
  }

  read() {
    const text = (input) => input.value.trim();
    return {
      service: this.service.value, operation: text(this.operation), tags: text(this.tags), min: text(this.min), max: text(this.max),
      errors: this.errors.checked, range: this.range.value, start: this.start.value, end: this.end.value,
      limit: Number(this.limit.value),
    };
  }

  write(state) {
    choose(this.service, state.service);
    for (const name of ['operation', 'tags', 'min', 'max', 'range', 'start', 'end']) this[name].value = state[name];
    this.errors.checked = state.errors;
    this.limit.value = String(state.limit);
    this.dates.hidden = state.range !== 'custom';
    this.loadOperations();
  }

  /** Marks the fields that make no sense; an empty object clears all marks. */
  showProblems(problems) {
    for (const [name, { problem, input }] of Object.entries(this.problems)) {
      problem.textContent = problems[name] ?? '';
      if (problems[name]) input.setAttribute('aria-invalid', 'true');
      else input.removeAttribute('aria-invalid');
    }
  }

  /** Fills the list of services. Searching works without it, so a failure only leaves the list short. */
  async loadServices() {
    try {
      const names = await services();
      const chosen = this.service.value;
      replace(this.service, h('option', { value: '' }, 'All services'),
        names.toSorted().map((name) => h('option', { value: name }, line(name))));
      choose(this.service, chosen);
    } catch {
      // The search itself says what is wrong with the collector.
    }
  }

  async loadOperations() {
    const service = this.service.value;
    replace(this.operationNames);
    if (!service) return;
    try {
      const names = await operations(service);
      if (service === this.service.value) replace(this.operationNames, names.map((name) => h('option', { value: name })));
    } catch {
      // Only the suggestions are missing: the field takes any text.
    }
  }

  serviceChanged() {
    this.operation.value = '';
    this.loadOperations();
  }

  rangeChanged() {
    this.dates.hidden = this.range.value !== 'custom';
    if (this.dates.hidden || this.start.value) return;
    const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
    this.start.value = local(Date.now() - 3_600_000);
    this.end.value = local(Date.now());
  }
}

function choices(pairs) {
  return pairs.map(([value, label]) => h('option', { value }, label));
}

/** Selects a service, also one the list does not hold (an old address, or the list is not there yet). */
function choose(select, value) {
  if (![...select.options].some((option) => option.value === value)) select.append(h('option', { value }, line(value)));
  select.value = value;
}
