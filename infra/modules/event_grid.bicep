// Optional: Stripe's events through Event Grid. Stripe makes a partner topic when a person adds the
// destination in its dashboard; that person activates it and gives it a system-assigned identity
// (docs/deploy.md). This subscribes the queue `ingress` to it. Keys are off on the namespace, so
// Event Grid signs in with that identity.

import { EventGrid } from 'types.bicep'

@description('The partner topics that Stripe made in this resource group, one for each account.')
param topics EventGrid[]
param namespaceName string

resource partners 'Microsoft.EventGrid/partnerTopics@2025-02-15' existing = [for topic in topics: {
  name: topic.partnerTopicName
}]

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = { name: namespaceName }
resource queue 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: namespace
  name: 'ingress'
}

// One delivery property names the Stripe account, as the route of a webhook does. None sets a
// session: a property can copy a field and cannot hash it. The queue has no sessions.
resource subscriptions 'Microsoft.EventGrid/partnerTopics/eventSubscriptions@2025-02-15' = [for (topic, i) in topics: {
  parent: partners[i]
  name: 'tieout-ingress'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: {
          resourceId: queue.id
          deliveryAttributeMappings: [
            {
              name: 'tieout_account'
              type: 'Static'
              properties: { value: topic.?alias ?? 'default', isSecret: false }
            }
          ]
        }
      }
    }
    // What the queue does not take for a day is dropped: the event sweep reads it from Stripe.
    retryPolicy: { eventTimeToLiveInMinutes: 1440, maxDeliveryAttempts: 30 }
  }
}]
