// The app: Flex Consumption, Python 3.13, one identity, nothing but HTTPS.

import { AppSettings, Authentication, Scaling, Tags } from 'types.bicep'

param name string
param planName string
param location string
param tags Tags
param identityId string
param packageUrl string
param scaling Scaling
param settings AppSettings
param authentication Authentication?
@description('Empty without private networking.')
param subnetId string

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        maximumInstanceCount: scaling.maximumInstanceCount
        instanceMemoryMB: scaling.instanceMemoryMB
        alwaysReady: scaling.alwaysReadyHttp > 0
          ? [{ name: 'http', instanceCount: scaling.alwaysReadyHttp }]
          : []
      }
    }
    siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2', ftpsState: 'Disabled', http20Enabled: true }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: settings
}

// Anonymous requests pass the platform: Stripe, Event Grid and Durable's routes do not sign in.
// What a request may do is decided by the application, which refuses by default.
resource signIn 'Microsoft.Web/sites/config@2025-03-01' = if (authentication != null) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authentication.?clientId
          // The identity vouches for the application in place of a client secret.
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${authentication.?tenantId}/v2.0'
        }
        validation: { allowedAudiences: ['api://${authentication.?clientId}'] }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}

resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = [for kind in ['ftp', 'scm']: {
  parent: app
  name: kind
  properties: { allow: false }
}]

output id string = app.id
output name string = app.name
output hostName string = app.properties.defaultHostName
