// The parameters of one environment. What differs between environments comes from variables,
// which azd keeps for each environment (azd env set NAME VALUE); what is the same stands here.
// docs/deploy.md goes through them.

using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param secretsOfficerId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param secretsOfficerType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')

param configuration = {
  stripeLivemode: bool(readEnvironmentVariable('STRIPE_LIVEMODE', 'false'))
  dynamicsUrl: readEnvironmentVariable('DYNAMICS_URL')
  dynamicsSignIn: 'managedIdentity'
  books: string(loadJsonContent('books.json'))
  customerIdProperty: readEnvironmentVariable('TIEOUT_CUSTOMER_ID_PROPERTY', 'StripeCustomerId_Custom')
  ingress: readEnvironmentVariable('TIEOUT_INGRESS', 'webhook')
  limits: {
    timeZone: readEnvironmentVariable('TIEOUT_TIME_ZONE', 'UTC')
  }
}

param alerting = {
  emails: split(readEnvironmentVariable('TIEOUT_ALERT_EMAILS'), ',')
  runbook: 'docs/operations.md'
  parkedAmountMinorMax: 100000
  unpostedHoursMax: 48
  payoutOpenHoursMax: 168
}
