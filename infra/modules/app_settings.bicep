// Every app setting, in one place. A setting of the application that is empty has the default of
// shared/settings.py. Secrets are references into the vault, without a version.

import { AppSettings, Authentication, Configuration } from 'types.bicep'

param configuration Configuration
@description('Absent without App Service authentication.')
param authentication Authentication?
@description('The same as that of the roles.')
param durableBackend 'AzureStorage' | 'DurableTaskScheduler'
param identityClientId string
param storageName string
param tableEndpoint string
param serviceBusHostName string
param vaultUri string
param insightsConnectionString string
param schedulerEndpoint string
param taskHubName string

var limits = configuration.limits
var usesSecret = configuration.dynamicsSignIn == 'clientSecret'
var secretPrefix = '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/'

var host = {
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  ServiceBusConnection__fullyQualifiedNamespace: serviceBusHostName
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // The worker makes the exporters; docs/operations.md, Sampling, has the reason of each value.
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  OTEL_TRACES_SAMPLER: 'microsoft.rate_limited'
  OTEL_TRACES_SAMPLER_ARG: '5'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,httpx,psycopg2,requests,urllib,urllib3'
}

var scheduler = {
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'
  TASKHUB_NAME: taskHubName
  // These override host.json, whose backend is Azure Storage.
  AzureFunctionsJobHost__extensions__durableTask__hubName: taskHubName
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
}

var signIn = { OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId }

var accounts = configuration.?stripeAccounts ?? []
var furtherAccounts = map(accounts, account => {
  alias: account.alias
  key: 'STRIPE_API_KEY_${replace(account.alias, '-', '_')}'
  webhook_secrets: 'STRIPE_WEBHOOK_SECRETS_${replace(account.alias, '-', '_')}'
  currencies: account.currencies
  account: account.?account ?? ''
})

var application = {
  STRIPE_ACCOUNT_ID: configuration.?stripeAccountId ?? ''
  TIEOUT_STRIPE_ACCOUNTS: empty(accounts) ? '' : string(furtherAccounts)
  STRIPE_API_KEY: '${secretPrefix}stripe-api-key)'
  STRIPE_WEBHOOK_SECRETS: '${secretPrefix}stripe-webhook-secrets)'
  STRIPE_LIVEMODE: string(configuration.stripeLivemode)
  DYNAMICS_URL: configuration.dynamicsUrl
  DYNAMICS_DIMENSION_DELIMITER: configuration.?dynamicsDimensionDelimiter ?? ''
  TIEOUT_BOOKS: configuration.books
  TIEOUT_LEDGER_ENTITY: configuration.?ledgerEntity ?? ''
  TIEOUT_INGRESS: configuration.?ingress ?? ''
  TIEOUT_TABLES_ENDPOINT: tableEndpoint
  TIEOUT_CUSTOMER_ID_PROPERTY: configuration.customerIdProperty
  TIEOUT_CUSTOMER_ID_CHARS_MAX: string(limits.?customerIdCharsMax ?? '')
  TIEOUT_TIME_ZONE: limits.?timeZone ?? ''
  TIEOUT_PARTITIONS: string(limits.?partitions ?? '')
  TIEOUT_LEDGER_PARTITIONS: string(limits.?ledgerPartitions ?? '')
  TIEOUT_SIGNATURE_TOLERANCE_SECONDS: string(limits.?signatureToleranceSeconds ?? '')
  TIEOUT_WRITE_SETTLE_SECONDS: string(limits.?writeSettleSeconds ?? '')
  TIEOUT_LEASE_SECONDS: string(limits.?leaseSeconds ?? '')
  TIEOUT_BATCH_SECONDS_MAX: string(limits.?batchSecondsMax ?? '')
  TIEOUT_GATHER_SECONDS: string(limits.?gatherSeconds ?? '')
  TIEOUT_ATTEMPTS_MAX: string(limits.?attemptsMax ?? '')
  TIEOUT_RETRY_BASE_SECONDS: string(limits.?retryBaseSeconds ?? '')
  TIEOUT_RETRY_CAP_SECONDS: string(limits.?retryCapSeconds ?? '')
  TIEOUT_JOURNAL_LINES_MAX: string(limits.?journalLinesMax ?? '')
  TIEOUT_JOURNAL_HOURS_MAX: string(limits.?journalHoursMax ?? '')
  TIEOUT_SWEEP_OVERLAP_HOURS: string(limits.?sweepOverlapHours ?? '')
  TIEOUT_SWEEP_FIRST_DAYS: string(limits.?sweepFirstDays ?? '')
  TIEOUT_STRIPE_REQUESTS_PER_SECOND: string(limits.?stripeRequestsPerSecond ?? '')
  TIEOUT_RETENTION_DAYS: string(limits.?retentionDays ?? '')
  TIEOUT_PUBLISH_TWO_PERSONS: string(limits.?publishTwoPersons ?? '')
  TIEOUT_PLATFORM_AUTH: authentication != null ? 'true' : ''
}

var clientSecret = {
  DYNAMICS_CLIENT_ID: configuration.?dynamicsClientId ?? ''
  DYNAMICS_CLIENT_SECRET: '${secretPrefix}dynamics-client-secret)'
  DYNAMICS_TOKEN_URL: '${environment().authentication.loginEndpoint}${tenant().tenantId}/oauth2/v2.0/token'
}

output settings AppSettings = union(
  host,
  application,
  toObject(furtherAccounts, account => account.key, account => '${secretPrefix}stripe-${account.alias}-api-key)'),
  toObject(
    furtherAccounts,
    account => account.webhook_secrets,
    account => '${secretPrefix}stripe-${account.alias}-webhook-secrets)'
  ),
  usesSecret ? clientSecret : {},
  durableBackend == 'DurableTaskScheduler' ? scheduler : {},
  authentication != null ? signIn : {}
)
