// Who may do what: the rows of infra/roles.json, each with its reason, on the narrowest scope.

param principalId string
param storageName string
param namespaceName string
param queueNames string[]
param vaultName string
param componentName string
@description('Empty with Azure Storage as the durable backend.')
param schedulerName string
param ownsQueues bool
@description('Empty without business events of Dynamics.')
param eventsNamespaceName string
param eventsQueueName string
@description('The identities of the partner topics of Stripe; none without Event Grid.')
param eventGridPrincipalIds string[]
@description('A person or group that puts secrets into the vault; empty for nobody.')
param secretsOfficerId string
param secretsOfficerType 'User' | 'Group' | 'ServicePrincipal'

var roles = loadJsonContent('../roles.json')
var definitions = 'Microsoft.Authorization/roleDefinitions'
var usesScheduler = !empty(schedulerName)
var takesEvents = !empty(eventsNamespaceName)

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = { name: storageName }
resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = { name: vaultName }
resource component 'Microsoft.Insights/components@2020-02-02' existing = { name: componentName }
resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = { name: namespaceName }
resource queues 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = [for name in queueNames: {
  parent: namespace
  name: name
}]
resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' existing = if (usesScheduler) {
  name: usesScheduler ? schedulerName : 'none'
}
resource events 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = if (takesEvents) {
  name: takesEvents ? eventsNamespaceName : 'none'
}
resource eventsQueue 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = if (takesEvents) {
  parent: events
  name: eventsQueueName
}

resource blobOwner 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, principalId, roles.blobOwner.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.blobOwner.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.blobOwner.reason
  }
}

resource queueContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!usesScheduler) {
  scope: storage
  name: guid(storage.id, principalId, roles.queueContributor.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.queueContributor.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.queueContributor.reason
  }
}

resource tableContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, principalId, roles.tableContributor.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.tableContributor.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.tableContributor.reason
  }
}

resource busReceiver 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in queueNames: {
  scope: queues[i]
  name: guid(queues[i].id, principalId, roles.busReceiver.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.busReceiver.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.busReceiver.reason
  }
}]

resource busSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in queueNames: {
  scope: queues[i]
  name: guid(queues[i].id, principalId, roles.busSender.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.busSender.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.busSender.reason
  }
}]

resource busOwner 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in queueNames: if (ownsQueues) {
  scope: queues[i]
  name: guid(queues[i].id, principalId, roles.busOwner.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.busOwner.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.busOwner.reason
  }
}]

resource eventsReceiver 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (takesEvents) {
  scope: eventsQueue
  name: guid(eventsQueue.id, principalId, roles.eventsReceiver.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.eventsReceiver.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.eventsReceiver.reason
  }
}

resource ingress 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: namespace
  name: 'ingress'
}

resource gridSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for gridId in eventGridPrincipalIds: {
  scope: ingress
  name: guid(ingress.id, gridId, roles.gridSender.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.gridSender.id)
    principalId: gridId
    principalType: 'ServicePrincipal'
    description: roles.gridSender.reason
  }
}]

resource secretsUser 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, roles.secretsUser.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.secretsUser.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.secretsUser.reason
  }
}

resource metricsPublisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, principalId, roles.metricsPublisher.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.metricsPublisher.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.metricsPublisher.reason
  }
}

resource taskContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (usesScheduler) {
  scope: scheduler
  name: guid(scheduler.id, principalId, roles.taskContributor.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.taskContributor.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: roles.taskContributor.reason
  }
}

resource secretsOfficer 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(secretsOfficerId)) {
  scope: vault
  name: guid(vault.id, secretsOfficerId, roles.secretsOfficer.id)
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.secretsOfficer.id)
    principalId: secretsOfficerId
    principalType: secretsOfficerType
    description: roles.secretsOfficer.reason
  }
}
