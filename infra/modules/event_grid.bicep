// Optional: Stripe's events through Event Grid. Stripe makes the partner topic when a person adds the
// destination in its dashboard; that person activates it and gives it a system-assigned identity
// (docs/deploy.md). This subscribes the queue `ingress` to it. Keys are off on the namespace, so
// Event Grid signs in with that identity.

@description('The partner topic that Stripe made, in this resource group.')
param partnerTopicName string
param namespaceName string

resource topic 'Microsoft.EventGrid/partnerTopics@2025-02-15' existing = { name: partnerTopicName }

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = { name: namespaceName }
resource queue 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: namespace
  name: 'ingress'
}

// No delivery property sets a session: it can copy a field and cannot hash it. The queue has none.
resource subscription 'Microsoft.EventGrid/partnerTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'tieout-ingress'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: { resourceId: queue.id }
      }
    }
    // What the queue does not take for a day is dropped: the event sweep reads it from Stripe.
    retryPolicy: { eventTimeToLiveInMinutes: 1440, maxDeliveryAttempts: 30 }
  }
}
