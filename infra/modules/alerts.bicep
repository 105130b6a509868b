// Who is told about what. Each alert leads to a heading of docs/operations.md.

import { Alerting } from 'types.bicep'

param actionGroupName string
param namePrefix string
param tags object
param namespaceId string
param alerting Alerting

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
resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
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
    actions: [{ actionGroupId: people.id }]
  }
}
