// Who is told about what. The queries are files in infra/alerts: a query without a measure answers
// rows only when its alert shall fire. Each alert leads to a heading of docs/operations.md.

import { Alerting, Tags } from 'types.bicep'

param actionGroupName string
param namePrefix string
param location string
param tags Tags
param componentId string
param namespaceId string
param alerting Alerting

// Rules over telemetry. `measure` is a column that is compared with `threshold`; without one any row
// fires. Each value of the `dimensions` is an alert of its own.
var queryAlerts = [
  {
    name: 'parked-items'
    title: 'Objects wait for a person'
    severity: 3
    meaning: 'Objects are parked. Read the inbox: each names its cause and remedy.'
    query: loadTextContent('../alerts/parked-items.kql')
    every: 'PT15M'
    window: 'PT1H'
    dimensions: ['cause']
    measure: ''
    threshold: 0
  }
  {
    name: 'parked-amount'
    title: 'Much money waits for a person'
    severity: 1
    meaning: 'The amounts at stake in the inbox exceed the limit. Clear the largest first.'
    query: loadTextContent('../alerts/parked-amount.kql')
    every: 'PT15M'
    window: 'PT1H'
    dimensions: ['currency']
    measure: 'amount_minor'
    threshold: alerting.parkedAmountMinorMax
  }
  {
    name: 'unposted-age'
    title: 'Lines are not posted'
    severity: 2
    meaning: 'The oldest written line has not been posted for too long. Look at the batch job Post journals.'
    query: loadTextContent('../alerts/unposted-age.kql')
    every: 'PT1H'
    window: 'PT6H'
    dimensions: ['company']
    measure: 'hours'
    threshold: alerting.unpostedHoursMax
  }
  {
    name: 'proof-gap'
    title: 'Books and Stripe differ'
    severity: 1
    meaning: 'The clearing proof has a difference that it cannot explain. Run the proof and follow its lines.'
    query: loadTextContent('../alerts/proof-gap.kql')
    every: 'PT1H'
    window: 'P2D'
    dimensions: ['currency']
    measure: ''
    threshold: 0
  }
  {
    name: 'payout-open'
    title: 'A payout is not tied out'
    severity: 2
    meaning: 'A paid payout has had no tie-out for too long. Its row says what is missing.'
    query: loadTextContent('../alerts/payout-open.kql')
    every: 'PT1H'
    window: 'PT6H'
    dimensions: []
    measure: 'hours'
    threshold: alerting.payoutOpenHoursMax
  }
  {
    name: 'silence'
    title: 'No event arrives'
    severity: 2
    meaning: 'No event has come for longer than is usual. Look at the webhook endpoint in Stripe.'
    query: loadTextContent('../alerts/silence.kql')
    every: 'PT15M'
    window: 'PT2H'
    dimensions: []
    measure: ''
    threshold: 0
  }
  {
    name: 'webhook-4xx'
    title: 'The webhook refuses deliveries'
    severity: 2
    meaning: 'Many deliveries are refused. Look at the answers in Stripe.'
    query: loadTextContent('../alerts/webhook-4xx.kql')
    every: 'PT5M'
    window: 'PT15M'
    dimensions: []
    measure: ''
    threshold: 0
  }
  {
    name: 'webhook-5xx'
    title: 'The webhook fails'
    severity: 1
    meaning: 'Deliveries fail. Stripe repeats them for three days; nothing is lost until then.'
    query: loadTextContent('../alerts/webhook-5xx.kql')
    every: 'PT5M'
    window: 'PT15M'
    dimensions: []
    measure: ''
    threshold: 0
  }
  {
    name: 'webhook-signatures'
    title: 'Signatures do not hold'
    severity: 2
    meaning: 'Many signatures are wrong: the secret in the vault is not that of the endpoint, or somebody tries.'
    query: loadTextContent('../alerts/webhook-signatures.kql')
    every: 'PT5M'
    window: 'PT15M'
    dimensions: []
    measure: ''
    threshold: 0
  }
  {
    name: 'timer-heartbeat'
    title: 'A timer does not run'
    severity: 1
    meaning: 'A timer did not come to its end for two periods. Look at the function and its errors.'
    query: loadTextContent('../alerts/timer-heartbeat.kql')
    every: 'PT30M'
    window: 'P2D'
    dimensions: ['timer']
    measure: ''
    threshold: 0
  }
  {
    name: 'vendor-throttled'
    title: 'A vendor throttles'
    severity: 3
    meaning: 'Stripe or Dynamics throttles many requests. Work goes on more slowly.'
    query: loadTextContent('../alerts/vendor-throttled.kql')
    every: 'PT15M'
    window: 'PT30M'
    dimensions: ['vendor']
    measure: ''
    threshold: 0
  }
  {
    name: 'vendor-denied'
    title: 'A vendor denies access'
    severity: 1
    meaning: 'Stripe or Dynamics answers 401 or 403, or Entra gives no token. Check key, secret, role and user.'
    query: loadTextContent('../alerts/vendor-denied.kql')
    every: 'PT5M'
    window: 'PT15M'
    dimensions: ['vendor']
    measure: ''
    threshold: 0
  }
  {
    name: 'flow-stuck'
    title: 'A flow stands still'
    severity: 2
    meaning: 'A durable flow has not looked for twelve hours. The payouts timer starts it again; if not, look at Durable Functions.'
    query: loadTextContent('../alerts/flow-stuck.kql')
    every: 'PT1H'
    window: 'PT6H'
    dimensions: ['flow']
    measure: ''
    threshold: 0
  }
  {
    name: 'journal-refused'
    title: 'Dynamics refuses a journal'
    severity: 2
    meaning: 'The posting job passed a journal over. Tieout moves its good lines to a fresh journal; the bad ones are parked.'
    query: loadTextContent('../alerts/journal-refused.kql')
    every: 'PT1H'
    window: 'PT6H'
    dimensions: ['company']
    measure: ''
    threshold: 0
  }
  {
    name: 'app-faults'
    title: 'Tieout has a fault'
    severity: 2
    meaning: 'The application met an unexpected error, or its settings are refused. Read the log of the event.'
    query: loadTextContent('../alerts/app-faults.kql')
    every: 'PT15M'
    window: 'PT1H'
    dimensions: ['event']
    measure: ''
    threshold: 0
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'Global'
  tags: tags
  properties: {
    groupShortName: 'tieout'
    enabled: true
    emailReceivers: [for (email, i) in alerting.emails: {
      name: 'person ${i + 1}'
      emailAddress: trim(email)
      useCommonAlertSchema: true
    }]
  }
}

// A platform metric: it comes when the application is down, too.
resource deadLetters 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: '${namePrefix}-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'Severity 2. Dead letters of a queue have stood for half an hour: the timer that moves them to the inbox does not get through. Remedy: ${alerting.runbook}#alert-dead-letters'
    severity: 2
    enabled: true
    autoMitigate: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Minimum'
          dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
        }
      ]
    }
    customProperties: { runbook: '${alerting.runbook}#alert-dead-letters' }
    actions: [{ actionGroupId: people.id }]
  }
}

resource queries 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [for rule in queryAlerts: {
  name: '${namePrefix}-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Tieout: ${rule.title}'
    description: 'Severity ${rule.severity}. ${rule.meaning} Remedy: ${alerting.runbook}#alert-${rule.name}'
    severity: rule.severity
    enabled: true
    autoMitigate: true
    // A workspace that is minutes old may not know its tables yet.
    skipQueryValidation: true
    scopes: [componentId]
    evaluationFrequency: rule.every
    windowSize: rule.window
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: empty(rule.measure) ? 'Count' : 'Maximum'
          metricMeasureColumn: empty(rule.measure) ? null : rule.measure
          operator: 'GreaterThan'
          threshold: rule.threshold
          dimensions: map(rule.dimensions, name => { name: name, operator: 'Include', values: ['*'] })
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: {
      actionGroups: [people.id]
      customProperties: { runbook: '${alerting.runbook}#alert-${rule.name}' }
    }
  }
}]
