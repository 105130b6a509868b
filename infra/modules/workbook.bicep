// The workbook: money first, then flow, then cost.

import { Tags } from 'types.bicep'

param displayName string
param location string
param tags Tags
param componentId string
param namespaceId string

// The workbook names the two resources it reads by placeholders.
var text = loadTextContent('../workbook.json')
var placed = replace(replace(text, '{{component}}', componentId), '{{namespace}}', namespaceId)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'tieout-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: componentId
    serializedData: placed
  }
}
