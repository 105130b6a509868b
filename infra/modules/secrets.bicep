// Key Vault. A person puts the secrets in (docs/deploy.md); templates never see their values.
// References have no version, so that a new value of a secret takes effect within a day.

import { Network, Tags } from 'types.bicep'

param name string
param location string
param tags Tags
param workspaceId string
param isPrivate bool
param network Network
@description('Addresses from which people reach a private vault, as 203.0.113.7/32.')
param operatorAddresses string[]

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: isPrivate && empty(operatorAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: [for address in operatorAddresses: { value: address }]
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

module endpoint 'private_endpoint.bicep' = if (isPrivate) {
  params: {
    name: 'pep-${name}'
    location: location
    tags: tags
    targetId: vault.id
    groupId: 'vault'
    subnetId: network.endpointSubnetId
    zoneId: network.zones.vault
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
