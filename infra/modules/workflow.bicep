// Durable Task Scheduler: the other backend of Durable Functions. There is no way to move running
// flows from Azure Storage to it.

import { Tags } from 'types.bicep'

param name string
param taskHubName string
param location string
param tags Tags

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'Consumption' }
    // Flex Consumption has no fixed addresses. An empty list would refuse everybody; what opens
    // the scheduler is the role, not the address.
    ipAllowlist: ['0.0.0.0/0']
  }
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2025-11-01' = {
  parent: scheduler
  name: taskHubName
}

output id string = scheduler.id
output endpoint string = scheduler.properties.endpoint
output taskHubName string = hub.name
