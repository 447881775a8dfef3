import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.IDaoRegistry;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.config.HibernatePropertiesProvider;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.config.util.ResourceCountCacheUtil;
import ca.uhn.fhir.jpa.dao.FulltextSearchSvcImpl;
import ca.uhn.fhir.jpa.dao.IFulltextSearchSvc;
import ca.uhn.fhir.jpa.dao.search.HSearchSortHelperImpl;
import ca.uhn.fhir.jpa.dao.search.IHSearchSortHelper;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.DaoRegistryResourceSupportedSvc;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.search.IStaleSearchDeletingSvc;
import ca.uhn.fhir.jpa.search.StaleSearchDeletingSvcImpl;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.util.ResourceCountCache;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.IResourceSupportedSvc;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import jakarta.persistence.EntityManagerFactory;
import java.util.Properties;
import javax.sql.DataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.h2.jdbcx.JdbcConnectionPool;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/** HAPI FHIR JPA, R4, on H2 in memory: the real thing behind one servlet, for tests/fhir_server. */
public final class HapiServer {

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        var spring = new AnnotationConfigApplicationContext(Store.class);
        var server = new Server(port);
        var servlets = new ServletContextHandler("/");
        servlets.addServlet(new ServletHolder(spring.getBean(RestfulServer.class)), "/fhir/*");
        server.setHandler(servlets);
        server.start();
        System.out.println("HAPI FHIR listens on http://127.0.0.1:" + port + "/fhir");
        server.join();
    }

    @Configuration
    @Import({
        JpaR4Config.class,
        JpaBatch2Config.class,
        Batch2JobsConfig.class,
        SubscriptionChannelConfig.class,
        ThreadPoolFactoryConfig.class,
    })
    static class Store {

        @Bean
        JpaStorageSettings storageSettings() {
            var settings = new JpaStorageSettings();
            // As HAPI's own starter has it by default.
            settings.setReuseCachedSearchResultsForMillis(60_000L);
            settings.setSchedulingDisabled(true);
            return settings;
        }

        @Bean
        PartitionSettings partitionSettings() {
            return new PartitionSettings();
        }

        @Bean
        SubscriptionSettings subscriptionSettings() {
            return new SubscriptionSettings();
        }

        @Bean
        DataSource dataSource() {
            return JdbcConnectionPool.create("jdbc:h2:mem:hapi;DB_CLOSE_DELAY=-1", "sa", "");
        }

        @Bean
        @Primary
        LocalContainerEntityManagerFactoryBean entityManagerFactory(
                ConfigurableListableBeanFactory beans, FhirContext fhir, DataSource data, JpaStorageSettings settings) {
            var factory = HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, fhir, settings);
            var properties = new Properties();
            properties.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
            properties.put("hibernate.hbm2ddl.auto", "update");
            properties.put("hibernate.jdbc.batch_size", "20");
            properties.put("hibernate.cache.use_query_cache", "false");
            properties.put("hibernate.cache.use_second_level_cache", "false");
            properties.put("hibernate.search.enabled", "false");
            factory.setPersistenceUnitName("HAPI_PU");
            factory.setDataSource(data);
            factory.setJpaProperties(properties);
            return factory;
        }

        @Bean
        @Primary
        HibernatePropertiesProvider hibernateProperties(LocalContainerEntityManagerFactoryBean factory) {
            return new HibernatePropertiesProvider() {
                @Override
                public DataSource getDataSource() {
                    return factory.getDataSource();
                }
            };
        }

        @Bean
        @Primary
        JpaTransactionManager transactionManager(EntityManagerFactory factory) {
            return new JpaTransactionManager(factory);
        }

        @Bean
        IFulltextSearchSvc fullTextSearch() {
            return new FulltextSearchSvcImpl();
        }

        @Bean
        IHSearchSortHelper fullTextSort(ISearchParamRegistry parameters) {
            return new HSearchSortHelperImpl(parameters);
        }

        @Bean
        IStaleSearchDeletingSvc staleSearches() {
            return new StaleSearchDeletingSvcImpl();
        }

        @Bean
        IResourceSupportedSvc supportedResources(IDaoRegistry registry) {
            return new DaoRegistryResourceSupportedSvc(registry);
        }

        @Bean("myResourceCountsCache")
        ResourceCountCache resourceCounts(IFhirSystemDao<?, ?> system) {
            return ResourceCountCacheUtil.newResourceCountCache(system);
        }

        @Bean
        DatabaseBackedPagingProvider paging() {
            var paging = new DatabaseBackedPagingProvider();
            paging.setDefaultPageSize(20);
            paging.setMaximumPageSize(200);
            return paging;
        }

        @Bean
        RestfulServer restfulServer(
                FhirContext fhir,
                IFhirSystemDao<?, ?> system,
                IJpaSystemProvider systemProvider,
                ResourceProviderFactory providers,
                JpaStorageSettings settings,
                ISearchParamRegistry parameters,
                IValidationSupport validation,
                DatabaseBackedPagingProvider paging) {
            var server = new RestfulServer(fhir);
            server.registerProviders(providers.createProviders());
            server.registerProvider(systemProvider);
            server.setServerConformanceProvider(
                    new JpaCapabilityStatementProvider(server, system, settings, parameters, validation));
            server.setDefaultResponseEncoding(EncodingEnum.JSON);
            server.setPagingProvider(paging);
            return server;
        }
    }
}
