// Optional: where Dynamics sends its business events. Its endpoint knows connection strings only,
// which the main namespace refuses, so it gets a small namespace of its own: one queue, one rule,
// and the rule may send and nothing else. A person copies the connection string of that rule into
// the vault that Dynamics reads (docs/deploy.md); no template shows it.

import { Tags } from 'types.bicep'

param name string
param location string
param tags Tags
param workspaceId string

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Basic', tier: 'Basic' }
  properties: { disableLocalAuth: false, minimumTlsVersion: '1.2', publicNetworkAccess: 'Enabled' }
}

// No sessions: Dynamics sets no session id.
resource queue 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = {
  parent: namespace
  name: 'dynamics-events'
  properties: {
    lockDuration: 'PT5M'
    maxDeliveryCount: 10
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
}

resource sendRule 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2026-01-01' = {
  parent: queue
  name: 'dynamics-send'
  properties: { rights: ['Send'] }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = namespace.id
output name string = namespace.name
output queueName string = queue.name
output ruleName string = sendRule.name
