// Optional: a network with a subnet for the function app and one for private endpoints.
// The webhook stays public, because Stripe has to reach it.

import { Network, Tags } from 'types.bicep'

param name string
param location string
param tags Tags

var addressSpace = '10.90.0.0/24'
var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
  'privatelink.servicebus.windows.net'
]

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: { addressSpace: { addressPrefixes: [addressSpace] } }
}

resource integration 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: network
  name: 'app'
  properties: {
    addressPrefix: cidrSubnet(addressSpace, 26, 0)
    delegations: [
      { name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }
    ]
  }
}

resource endpoints 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: network
  name: 'endpoints'
  properties: {
    addressPrefix: cidrSubnet(addressSpace, 26, 1)
    privateEndpointNetworkPolicies: 'Disabled'
  }
  dependsOn: [integration] // a network takes one change of its subnets at a time
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zoneNames: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, i) in zoneNames: {
  parent: zones[i]
  name: name
  location: 'global'
  properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
}]

output network Network = {
  integrationSubnetId: integration.id
  endpointSubnetId: endpoints.id
  zones: {
    blob: zones[0].id
    queue: zones[1].id
    table: zones[2].id
    vault: zones[3].id
    serviceBus: zones[4].id
  }
}
