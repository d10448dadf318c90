import fc from 'fast-check'

// One seed for every property, so that a run can be repeated; FC_SEED explores others.
fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 20_260_301) })
