// Everything that Tieout needs in a subscription: one resource group, no secret in any file.
// docs/deploy.md says how to deploy it, and what only a person can do.

targetScope = 'subscription'

import { Alerting, Authentication, Configuration, EventGrid, Scaling, Tags } from 'modules/types.bicep'

@description('Part of every name: test, production. One environment for each Stripe mode.')
@minLength(2)
@maxLength(12)
param environmentName string

param location string

@description('Added to the tags of every resource.')
param tags Tags = {}

param configuration Configuration

param alerting Alerting

param scaling Scaling = { maximumInstanceCount: 40, instanceMemoryMB: 2048, alwaysReadyHttp: 0 }

@description('Decide before the first deployment: running flows cannot move to the other one.')
param durableBackend 'AzureStorage' | 'DurableTaskScheduler' = 'AzureStorage'

@description('App Service authentication, for people who sign in. Without it, function keys only.')
param authentication Authentication?

@description('Private endpoints for storage, vault and queues; Service Bus becomes Premium.')
param privateNetworking bool = false

@description('Addresses from which people reach a private vault.')
param operatorAddresses string[] = []

@description('A namespace for the business events of Dynamics, which need a connection string.')
param dynamicsEvents bool = false

@description('The partner topics of Stripe, one for each account whose events come through Event Grid.')
param eventGrid EventGrid[] = []

@description('Data Owner on the queues, only if scaling has to read their lengths.')
param ownsQueues bool = false

@description('Object id of the person or group that puts the secrets into the vault.')
param secretsOfficerId string = ''
param secretsOfficerType 'User' | 'Group' | 'ServicePrincipal' = 'User'

@description('Days that logs, metrics and traces are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

// One convention: abbreviation, workload, environment, token. Storage knows no hyphens and 24
// characters, a vault 24.
var workload = 'tieout'
var token = take(uniqueString(subscription().id, environmentName, location), 5)
var suffix = '${workload}-${environmentName}-${token}'
var compact = '${take(replace(environmentName, '-', ''), 9)}${token}'
var names = {
  resourceGroup: 'rg-${workload}-${environmentName}'
  identity: 'id-${suffix}'
  workspace: 'log-${suffix}'
  component: 'appi-${suffix}'
  storage: toLower('st${workload}${compact}')
  namespace: 'sbns-${suffix}'
  eventsNamespace: 'sbns-${suffix}-events'
  vault: 'kv-${workload}-${compact}'
  network: 'vnet-${suffix}'
  scheduler: 'dts-${suffix}'
  plan: 'asp-${suffix}'
  app: 'func-${suffix}'
  actionGroup: 'ag-${suffix}'
}
var packageContainer = 'app-package'
var taskHubName = 'tieout'
var usesScheduler = durableBackend == 'DurableTaskScheduler'
var allTags = union(tags, { workload: workload, environment: environmentName, 'azd-env-name': environmentName })
var noNetwork = {
  integrationSubnetId: ''
  endpointSubnetId: ''
  zones: { blob: '', queue: '', table: '', vault: '', serviceBus: '' }
}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: names.resourceGroup
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: names.identity, location: location, tags: allTags }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    componentName: names.component
    location: location
    tags: allTags
    retentionDays: retentionDays
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  scope: group
  params: { name: names.network, location: location, tags: allTags }
}

var place = network.?outputs.network ?? noNetwork

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: names.storage
    location: location
    tags: allTags
    packageContainer: packageContainer
    workspaceId: monitoring.outputs.workspaceId
    isPrivate: privateNetworking
    network: place
  }
}

module messaging 'modules/messaging.bicep' = {
  scope: group
  params: {
    name: names.namespace
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    isPrivate: privateNetworking
    network: place
  }
}

module secrets 'modules/secrets.bicep' = {
  scope: group
  params: {
    name: names.vault
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    isPrivate: privateNetworking
    network: place
    operatorAddresses: operatorAddresses
  }
}

module workflow 'modules/workflow.bicep' = if (usesScheduler) {
  scope: group
  params: { name: names.scheduler, taskHubName: taskHubName, location: location, tags: allTags }
}

module events 'modules/dynamics_events.bicep' = if (dynamicsEvents) {
  scope: group
  params: {
    name: names.eventsNamespace
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    principalId: identity.outputs.principalId
    storageName: storage.outputs.name
    namespaceName: messaging.outputs.name
    queueNames: messaging.outputs.queueNames
    vaultName: secrets.outputs.name
    componentName: monitoring.outputs.componentName
    schedulerName: usesScheduler ? names.scheduler : ''
    ownsQueues: ownsQueues
    eventsNamespaceName: events.?outputs.name ?? ''
    eventsQueueName: events.?outputs.queueName ?? 'none'
    eventGridPrincipalIds: map(eventGrid, topic => topic.partnerTopicPrincipalId)
    secretsOfficerId: secretsOfficerId
    secretsOfficerType: secretsOfficerType
  }
  dependsOn: [workflow]
}

module ingress 'modules/event_grid.bicep' = if (!empty(eventGrid)) {
  scope: group
  params: {
    topics: eventGrid
    namespaceName: messaging.outputs.name
  }
  dependsOn: [roles] // Event Grid tries the identity when it subscribes
}

module appSettings 'modules/app_settings.bicep' = {
  scope: group
  params: {
    configuration: configuration
    authentication: authentication
    durableBackend: durableBackend
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    tableEndpoint: storage.outputs.tableEndpoint
    serviceBusHostName: messaging.outputs.hostName
    vaultUri: secrets.outputs.uri
    insightsConnectionString: monitoring.outputs.connectionString
    schedulerEndpoint: workflow.?outputs.endpoint ?? ''
    taskHubName: taskHubName
  }
}

module app 'modules/function_app.bicep' = {
  scope: group
  params: {
    name: names.app
    planName: names.plan
    location: location
    tags: allTags
    identityId: identity.outputs.id
    packageUrl: '${storage.outputs.blobEndpoint}${packageContainer}'
    scaling: scaling
    settings: appSettings.outputs.settings
    authentication: authentication
    subnetId: place.integrationSubnetId
  }
  dependsOn: [roles] // the package and the secrets are read with them
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    actionGroupName: names.actionGroup
    namePrefix: 'alert-${workload}-${environmentName}'
    location: location
    tags: allTags
    componentId: monitoring.outputs.componentId
    namespaceId: messaging.outputs.id
    alerting: alerting
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    displayName: 'Tieout ${environmentName}'
    location: location
    tags: allTags
    componentId: monitoring.outputs.componentId
    namespaceId: messaging.outputs.id
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output TIEOUT_APP_NAME string = app.outputs.name
output TIEOUT_URL string = 'https://${app.outputs.hostName}'
output TIEOUT_WEBHOOK_URL string = 'https://${app.outputs.hostName}/api/webhooks/stripe'
output TIEOUT_VAULT_NAME string = secrets.outputs.name
@description('The identity to register as a user in Dynamics.')
output TIEOUT_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output TIEOUT_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output TIEOUT_DYNAMICS_SIGN_IN string = configuration.dynamicsSignIn
@description('Empty without business events of Dynamics.')
output TIEOUT_EVENTS_NAMESPACE string = events.?outputs.name ?? ''
