// Service Bus with the queues of infra/queues.json, which the code reads too.
// Sessions and duplicate detection are fixed when a queue is created.

import { Network, Tags } from 'types.bicep'

param name string
param location string
param tags Tags
param workspaceId string
@description('Private endpoints need the tier Premium.')
param isPrivate bool
param network Network

var file = loadJsonContent('../queues.json')

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: isPrivate
    ? { name: 'Premium', tier: 'Premium', capacity: 1 }
    : { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

resource queues 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = [for queue in file.queues: {
  parent: namespace
  name: queue.name
  properties: union(
    file.defaults,
    toObject(filter(items(queue), item => item.key != 'name'), item => item.key, item => item.value)
  )
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

module endpoint 'private_endpoint.bicep' = if (isPrivate) {
  params: {
    name: 'pep-${name}'
    location: location
    tags: tags
    targetId: namespace.id
    groupId: 'namespace'
    subnetId: network.endpointSubnetId
    zoneId: network.zones.serviceBus
  }
}

output id string = namespace.id
output name string = namespace.name
output hostName string = '${namespace.name}.servicebus.windows.net'
output queueNames string[] = map(file.queues, queue => queue.name)
